"""Reductions, running totals, order statistics and softmax."""

from __future__ import annotations

import math
from typing import Any

from kexport import ops
from kexport.capture.lowering.context import Context
from kexport.capture.lowering.table import Table
from kexport.capture.not_lowered import NotLowered
from kexport.ir.dim import product
from kexport.ir.graph import Value
from kexport.ir.types import DType

table = Table()

REDUCTIONS: dict[str, type[ops.ReduceSum] | Any] = {
    "Sum": ops.ReduceSum,
    "Mean": ops.ReduceMean,
    "Max": ops.ReduceMax,
    "Min": ops.ReduceMin,
    "Prod": ops.ReduceProd,
    "Any": ops.ReduceAny,
    "All": ops.ReduceAll,
}
"""TensorFlow's reductions: (x, axes), attribute keep_dims."""


def _enter_reduction(type: str, cls: Any) -> None:
    @table.op(type)
    def lower(ctx: Context, op: Any, x: Value, axes: Value) -> Value:
        wanted = tuple(sorted({a % x.type.rank for a in ctx.ints(axes)}))
        if not wanted:
            return x
        if cls is ops.ReduceMean and x.type.dtype.is_int:
            raise NotLowered("the mean of integers")
        return ctx.emit(cls(wanted, bool(op.get_attr("keep_dims"))), x)


for _type, _cls in REDUCTIONS.items():
    _enter_reduction(_type, _cls)


@table.op("EuclideanNorm")
def euclidean_norm(ctx: Context, op: Any, x: Value, axes: Value) -> Value:
    """The root of the sum of squares."""
    over = tuple(sorted({a % x.type.rank for a in ctx.ints(axes)}))
    squares = ctx.emit(ops.Square(), x)
    return ctx.emit(
        ops.Sqrt(), ctx.emit(ops.ReduceSum(over, bool(op.get_attr("keep_dims"))), squares) if over else squares
    )


@table.op("ArgMax")
def argmax(ctx: Context, op: Any, x: Value, axis: Value) -> Value:
    """The position of the greatest element."""
    return _arg(ctx, ops.ArgMax, x, ctx.int(axis), ctx.dtype)


@table.op("ArgMin")
def argmin(ctx: Context, op: Any, x: Value, axis: Value) -> Value:
    """The position of the least element."""
    return _arg(ctx, ops.ArgMin, x, ctx.int(axis), ctx.dtype)


@table.frame("numpy.argmax")
def argmax_call(ctx: Context, x: Any, axis: Any, keepdims: Any) -> Value:
    """The position of the greatest element, without Keras' detour for negative zeros."""
    return _arg_call(ctx, ops.ArgMax, x, axis, keepdims)


@table.frame("numpy.argmin")
def argmin_call(ctx: Context, x: Any, axis: Any, keepdims: Any) -> Value:
    """The position of the least element, without Keras' detour for negative zeros."""
    return _arg_call(ctx, ops.ArgMin, x, axis, keepdims)


@table.op("Cumsum")
def cumsum(ctx: Context, op: Any, x: Value, axis: Value) -> Value:
    """The running sum."""
    return ctx.emit(ops.CumSum(ctx.int(axis) % x.type.rank, op.get_attr("exclusive"), op.get_attr("reverse")), x)


@table.op("Cumprod")
def cumprod(ctx: Context, op: Any, x: Value, axis: Value) -> Value:
    """The running product."""
    return ctx.emit(ops.CumProd(ctx.int(axis) % x.type.rank, op.get_attr("exclusive"), op.get_attr("reverse")), x)


@table.op("CumulativeLogsumexp")
def cumulative_logsumexp(ctx: Context, op: Any, x: Value, axis: Value) -> Value:
    """log of the running sum of e^x: each step joins sums that are twice as long, and none can overflow."""
    along = ctx.int(axis) % x.type.rank
    size = x.type.shape[along]
    reverse = op.get_attr("reverse")
    if not isinstance(size, int) or op.get_attr("exclusive"):
        raise NotLowered("a running logarithm of sums over an open size, or without the element itself")
    shift = 1
    while shift < size:
        first = _cut_off(ctx, x, along, 0, size - shift)
        last = _cut_off(ctx, x, along, shift, size)
        sums = _log_add(ctx, first, last)
        kept = (size - shift, size) if reverse else (0, shift)
        rest = _cut_off(ctx, x, along, *kept)
        x = ctx.emit(ops.Concat(along), *((sums, rest) if reverse else (rest, sums)))
        shift *= 2
    return x


def _cut_off(ctx: Context, x: Value, axis: int, begin: int, end: int) -> Value:
    starts = [0] * x.type.rank
    ends = list(x.type.shape)
    starts[axis] = begin
    ends[axis] = end
    return ctx.emit(ops.Slice(tuple(starts), tuple(ends), (1,) * x.type.rank), x)


def _log_add(ctx: Context, a: Value, b: Value) -> Value:
    """log(e^a + e^b); of equal ones, which may be -inf, without a difference."""
    greater = ctx.emit(ops.Maximum(), a, b)
    apart = ctx.emit(ops.Neg(), ctx.emit(ops.Abs(), ctx.emit(ops.Sub(), a, b)))
    more = ctx.emit(ops.Log1p(), ctx.emit(ops.Exp(), apart))
    more = ctx.emit(ops.Select(), ctx.emit(ops.Equal(), a, b), ctx.number(math.log(2), a), more)
    return ctx.emit(ops.Add(), greater, more)


@table.op("TopKV2")
def top_k(ctx: Context, op: Any, x: Value, k: Value) -> tuple[Value, ...]:
    """The k greatest elements of each row and their positions."""
    (count,) = ctx.dims(k)
    values, indices = ctx.emit_all(ops.TopK(count), x)
    return values, ctx.cast(indices, DType.of(op.outputs[1].dtype.as_numpy_dtype))


@table.op("Softmax")
def softmax(ctx: Context, op: Any, x: Value) -> Value:
    """Softmax over the last axis."""
    return ctx.emit(ops.Softmax(-1), x)


@table.op("LogSoftmax")
def log_softmax(ctx: Context, op: Any, x: Value) -> Value:
    """The logarithm of softmax over the last axis."""
    return ctx.emit(ops.LogSoftmax(-1), x)


@table.frame("nn.softmax")
def softmax_call(ctx: Context, x: Any, axis: Any) -> Value:
    """Softmax over any axis."""
    value = ctx.value(x)
    return ctx.emit(ops.Softmax(_axis(axis, value)), value)


@table.frame("nn.log_softmax")
def log_softmax_call(ctx: Context, x: Any, axis: Any) -> Value:
    """The logarithm of softmax over any axis."""
    value = ctx.value(x)
    return ctx.emit(ops.LogSoftmax(_axis(axis, value)), value)


@table.frame("layer.Softmax")
def softmax_layer(ctx: Context, layer: Any, inputs: Any, mask: Any = None, **_: Any) -> Value:
    """Softmax over several axes at once; over one it is a call of its own."""
    if isinstance(layer.axis, int) or len(layer.axis) < 2 or mask is not None:
        raise NotLowered("softmax over one axis, or with a mask")
    x = ctx.value(inputs)
    over = sorted(a % x.type.rank for a in layer.axis)
    kept = [i for i in range(x.type.rank) if i not in over]
    order = [*kept, *over]
    moved = ctx.transpose(x, order)
    flat = ctx.reshape(moved, (*moved.type.shape[: len(kept)], product(moved.type.shape[len(kept) :])))
    y = ctx.reshape(ctx.emit(ops.Softmax(-1), flat), moved.type.shape)
    return ctx.transpose(y, [order.index(i) for i in range(x.type.rank)])


def _axis(axis: Any, x: Value) -> int:
    """The axis from the front, -1 for the last."""
    if not isinstance(axis, int):
        raise NotLowered("softmax over several axes")
    return -1 if axis % x.type.rank == x.type.rank - 1 else axis % x.type.rank


def _arg_call(ctx: Context, cls: Any, x: Any, axis: Any, keepdims: Any) -> Value:
    value = ctx.value(x)
    if axis is None:
        value = ctx.reshape(value, (value.type.numel,))
        axis = 0
        if keepdims:
            raise NotLowered("positions in all axes at once that keep the axes")
    y = _arg(ctx, cls, value, axis, ctx.dtype)
    if keepdims:
        shape = value.type.shape
        y = ctx.reshape(y, tuple(1 if i == axis % len(shape) else d for i, d in enumerate(shape)))
    return y


def _arg(ctx: Context, cls: Any, x: Value, axis: int, dtype: DType) -> Value:
    x = ctx.cast(x, DType.I32) if x.type.dtype is DType.BOOL else x
    return ctx.emit(cls(axis % x.type.rank, dtype), x)
