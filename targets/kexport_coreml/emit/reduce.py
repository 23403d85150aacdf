"""Reductions and running totals."""

from __future__ import annotations

from typing import Any

from kexport import ops
from kexport.ir.graph import Node
from kexport.ir.types import DType
from kexport.ops.reduce import ArgReduce, Reduce
from kexport_coreml.context import Context
from kexport_coreml.emit.table import EMIT
from kexport_coreml.refs import Ref

_REDUCE = {
    ops.ReduceSum: "reduce_sum",
    ops.ReduceMean: "reduce_mean",
    ops.ReduceMax: "reduce_max",
    ops.ReduceMin: "reduce_min",
    ops.ReduceProd: "reduce_prod",
    ops.ReduceAny: "reduce_max",
    ops.ReduceAll: "reduce_min",
}
"""Any and all are the greatest and the least of 0 and 1; booleans enter and leave as int32."""

EMIT.wraps(*_REDUCE, ops.CumSum)


@EMIT.emits(*_REDUCE)
def reduce(e: Context, op: Reduce, node: Node) -> Ref:
    (x,) = e.refs(node)
    axes = sorted(a % x.rank for a in op.axes)
    if not axes:
        return x
    return e.op(_REDUCE[type(op)], shape=node.output.type.shape, x=x, axes=axes, keep_dims=op.keepdims)


@EMIT.emits(ops.ArgMax, ops.ArgMin)
def arg_reduce(e: Context, op: ArgReduce, node: Node) -> Ref:
    (x,) = e.refs(node)
    kind = "reduce_argmax" if isinstance(op, ops.ArgMax) else "reduce_argmin"
    shape = node.output.type.shape
    return e.op(kind, shape=shape, dtype=DType.I32, x=x, axis=op.axis % x.rank, keep_dims=op.keepdims)


@EMIT.emits(ops.CumSum)
def cum_sum(e: Context, op: ops.CumSum, node: Node) -> Ref:
    (x,) = e.refs(node)
    return e.op("cumsum", x=x, axis=op.axis % x.rank, exclusive=op.exclusive, reverse=op.reverse)


@EMIT.emits(ops.TopK)
def top_k(e: Context, op: ops.TopK, node: Node) -> tuple[Ref, ...]:
    """Since iOS 16 there are parameters that say what older systems always do. An open k is the whole axis."""
    (x,) = e.refs(node)
    k = op.k if isinstance(op.k, int) else -1
    shape = node.output.type.shape if len(node.outputs) == 1 else node.outputs[0].type.shape
    more: dict[str, Any] = {"sort": True, "return_indices": True} if e.ios >= 16 else {}
    more |= {"output_indices_dtype": "int32"} if e.ios >= 17 else {}
    results = ((None, shape), (DType.I32, shape))
    return e.op_all("topk", results, x=x, k=k, axis=x.rank - 1, ascending=False, **more)


@EMIT.emits(ops.Softmax)
def softmax(e: Context, op: ops.Softmax, node: Node) -> Ref:
    (x,) = e.refs(node)
    return e.op("softmax", x=x, axis=op.axis % x.rank)
