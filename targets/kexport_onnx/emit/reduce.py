"""Reductions and running totals."""

from __future__ import annotations

from typing import Any

from kexport import ops
from kexport.ir.graph import Node
from kexport.ir.types import DType
from kexport.ops.reduce import ArgReduce, Cumulative, Reduce
from kexport_onnx.context import Context
from kexport_onnx.emit.table import EMIT
from kexport_onnx.refs import Ref

_REDUCE = {
    ops.ReduceSum: "ReduceSum",
    ops.ReduceMean: "ReduceMean",
    ops.ReduceMax: "ReduceMax",
    ops.ReduceMin: "ReduceMin",
    ops.ReduceProd: "ReduceProd",
    ops.ReduceAny: "ReduceMax",
    ops.ReduceAll: "ReduceMin",
}
_GLOBAL = {ops.ReduceMean: "GlobalAveragePool", ops.ReduceMax: "GlobalMaxPool"}
"""What a reduction of the spatial axes of a channels-first image is called."""


@EMIT.emits(*_REDUCE)
def reduce(e: Context, op: Reduce, node: Node) -> Ref:
    (x,) = e.refs(node)
    rank = node.inputs[0].type.rank
    axes = sorted(a % rank for a in op.axes)
    if not axes:
        return x
    if type(op) in _GLOBAL and rank >= 4 and axes == list(range(2, rank)) and x.dtype in (DType.F32, DType.F16):
        pooled = e.op(_GLOBAL[type(op)], x)
        return pooled if op.keepdims else e.op("Flatten", pooled, axis=1)
    return e.op(_REDUCE[type(op)], x, e.ints(axes), keepdims=int(op.keepdims))


@EMIT.emits(ops.ArgMax, ops.ArgMin)
def arg_reduce(e: Context, op: ArgReduce, node: Node) -> Ref:
    axis = op.axis % node.inputs[0].type.rank
    found = e.op(type(op).__name__, *e.refs(node), dtype=DType.I64, axis=axis, keepdims=int(op.keepdims))
    return e.cast(found, op.dtype)


@EMIT.emits(ops.CumSum, ops.CumProd)
def cumulative(e: Context, op: Cumulative, node: Node) -> Ref:
    axis = e.const(op.axis % node.inputs[0].type.rank, DType.I64)
    flags: dict[str, Any] = {"exclusive": int(op.exclusive) or None, "reverse": int(op.reverse) or None}
    return e.op(type(op).__name__, *e.refs(node), axis, **flags)


@EMIT.emits(ops.TopK)
def top_k(e: Context, op: ops.TopK, node: Node) -> tuple[Ref, Ref]:
    values, indices = e.op_all("TopK", *e.refs(node), e.dims([op.k]), dtypes=(None, DType.I64))
    return values, e.cast(indices, DType.I32)


@EMIT.emits(ops.Softmax, ops.LogSoftmax)
def softmax(e: Context, op: ops.Softmax | ops.LogSoftmax, node: Node) -> Ref:
    return e.op(type(op).__name__, *e.refs(node), axis=op.axis % node.inputs[0].type.rank)
