"""Losses and metrics: cross entropy, and whether a target is among the k best."""

from __future__ import annotations

from typing import Any

from kexport import ops
from kexport.capture.lowering.context import Context
from kexport.capture.lowering.table import Table
from kexport.capture.not_lowered import NotLowered
from kexport.ir.graph import Value
from kexport.ir.types import DType

table = Table()


@table.op("SoftmaxCrossEntropyWithLogits")
def cross_entropy(ctx: Context, op: Any, logits: Value, labels: Value) -> tuple[Value, Value]:
    """The cross entropy of each row with labels that are probabilities, and its gradient."""
    weighed = ctx.emit(ops.Mul(), labels, ctx.emit(ops.LogSoftmax(-1), logits))
    gradient = ctx.emit(ops.Sub(), ctx.emit(ops.Softmax(-1), logits), labels)
    return ctx.emit(ops.Neg(), ctx.emit(ops.ReduceSum((1,)), weighed)), gradient


@table.op("SparseSoftmaxCrossEntropyWithLogits")
def sparse_cross_entropy(ctx: Context, op: Any, logits: Value, labels: Value) -> tuple[Value, Value]:
    """The cross entropy of each row with a label that is a number, and its gradient."""
    hot = ctx.emit(ops.OneHot(_classes(logits), -1, DType.BOOL), labels)
    loss = ctx.emit(ops.Neg(), _chosen(ctx, hot, ctx.emit(ops.LogSoftmax(-1), logits)))
    gradient = ctx.emit(ops.Sub(), ctx.emit(ops.Softmax(-1), logits), ctx.cast(hot, logits.type.dtype))
    return loss, gradient


@table.op("InTopKV2")
def in_top_k(ctx: Context, op: Any, predictions: Value, targets: Value, k: Value) -> Value:
    """Whether fewer than k predictions of a row are above that of its target; never in a row that is not finite."""
    hot = ctx.emit(ops.OneHot(_classes(predictions), -1, DType.BOOL), targets)
    own = ctx.reshape(_chosen(ctx, hot, predictions), (*targets.type.shape, 1))
    above = ctx.cast(ctx.emit(ops.Greater(), predictions, own), DType.I32)
    few = ctx.emit(ops.Less(), ctx.emit(ops.ReduceSum((1,)), above), ctx.cast(k, DType.I32))
    finite = ctx.emit(ops.ReduceAll((1,)), ctx.emit(ops.IsFinite(), predictions))
    known = ctx.emit(ops.ReduceAny((1,)), hot)
    return ctx.emit(ops.LogicalAnd(), ctx.emit(ops.LogicalAnd(), few, finite), known)


def _classes(x: Value) -> int:
    count = x.type.shape[1]
    if not isinstance(count, int):
        raise NotLowered("the number of classes is not fixed; give the last axis of the predictions a size")
    return count


def _chosen(ctx: Context, hot: Value, x: Value) -> Value:
    """The one element of each row where `hot`."""
    return ctx.emit(ops.ReduceSum((1,)), ctx.emit(ops.Select(), hot, x, ctx.number(0, x)))
