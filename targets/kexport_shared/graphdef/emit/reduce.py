"""Reductions and running totals."""

from __future__ import annotations

import math

from kexport import ops
from kexport.ir.graph import Node
from kexport.ir.types import DType
from kexport.ops.reduce import ArgReduce, Cumulative, Reduce
from kexport_shared.graphdef.context import Context
from kexport_shared.graphdef.nodes import Ref
from kexport_shared.graphdef.table import COMMON

_REDUCE = {
    ops.ReduceSum: "Sum",
    ops.ReduceMean: "Mean",
    ops.ReduceMax: "Max",
    ops.ReduceMin: "Min",
    ops.ReduceProd: "Prod",
    ops.ReduceAny: "Any",
    ops.ReduceAll: "All",
}
_OF_NOTHING = {
    ops.ReduceSum: 0,
    ops.ReduceMean: math.nan,
    ops.ReduceMax: -math.inf,
    ops.ReduceMin: math.inf,
    ops.ReduceProd: 1,
    ops.ReduceAny: False,
    ops.ReduceAll: True,
}


@COMMON.emits(*_REDUCE)
def reduce(e: Context, op: Reduce, node: Node) -> Ref:
    (x,) = e.refs(node)
    shape = node.inputs[0].type.shape
    axes = sorted(a % len(shape) for a in op.axes)
    if not axes:
        return x
    if any(shape[a] == 0 for a in axes) and x.dtype.is_float:
        return e.full(node.output.type.shape, _OF_NOTHING[type(op)], x.dtype)
    return e.op(_REDUCE[type(op)], x, e.ints(axes), keep_dims=op.keepdims)


@COMMON.emits(ops.ArgMax, ops.ArgMin)
def arg_reduce(e: Context, op: ArgReduce, node: Node) -> Ref:
    axis = op.axis % node.inputs[0].type.rank
    dtype = e.dialect.stored(op.dtype)
    made = dtype if dtype is DType.I64 else DType.I32
    found = e.op(type(op).__name__, *e.refs(node), e.scalar(axis), dtype=made, output_type=made)
    found = e.op("ExpandDims", found, e.scalar(axis)) if op.keepdims else found
    return e.cast(found, dtype)


@COMMON.emits(ops.CumSum, ops.CumProd)
def cumulative(e: Context, op: Cumulative, node: Node) -> Ref:
    kind = {ops.CumSum: "Cumsum", ops.CumProd: "Cumprod"}[type(op)]
    axis = e.scalar(op.axis % node.inputs[0].type.rank)
    return e.op(kind, *e.refs(node), axis, exclusive=op.exclusive, reverse=op.reverse)


@COMMON.emits(ops.TopK)
def top_k(e: Context, op: ops.TopK, node: Node) -> tuple[Ref, ...]:
    k = e.scalar(op.k) if isinstance(op.k, int) else e.op("Reshape", e.sizes.dim(op.k), e.ints([]))
    return e.op_all("TopKV2", *e.refs(node), k, dtypes=(None, DType.I32), sorted=True)


@COMMON.emits(ops.Softmax, ops.LogSoftmax)
def softmax(e: Context, op: ops.Softmax | ops.LogSoftmax, node: Node) -> Ref:
    """Over the last axis; legalize expands others."""
    return e.op(type(op).__name__, *e.refs(node))
