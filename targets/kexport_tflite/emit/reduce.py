"""Reductions, running sums, top-k and softmax."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Node
from kexport.ops.reduce import ArgReduce, Reduce
from kexport_tflite.context import Context
from kexport_tflite.emit.table import EMIT

REDUCTIONS = {
    ops.ReduceSum: "SUM",
    ops.ReduceMean: "MEAN",
    ops.ReduceMax: "REDUCE_MAX",
    ops.ReduceMin: "REDUCE_MIN",
    ops.ReduceProd: "REDUCE_PROD",
    ops.ReduceAny: "REDUCE_ANY",
    ops.ReduceAll: "REDUCE_ALL",
}
POSITIONS = {ops.ArgMax: "ARG_MAX", ops.ArgMin: "ARG_MIN"}


@EMIT(*REDUCTIONS)
def reduce(e: Context, op: Reduce, node: Node) -> None:
    """The axes are an operand, counted from the front."""
    (x,) = node.inputs
    axes = sorted(a % x.type.rank for a in op.axes)
    e.emit(REDUCTIONS[type(op)], node, e.tensor(x), e.ints(axes), keep_dims=op.keepdims)


@EMIT(*POSITIONS)
def arg_reduce(e: Context, op: ArgReduce, node: Node) -> None:
    """The axis is an operand; legalize takes care of keepdims."""
    (x,) = node.inputs
    axis = e.ints(op.axis % x.type.rank)
    e.emit(POSITIONS[type(op)], node, e.tensor(x), axis, output_type=op.dtype)


@EMIT(ops.CumSum)
def cum_sum(e: Context, op: ops.CumSum, node: Node) -> None:
    """The axis is an operand."""
    (x,) = node.inputs
    axis = e.ints(op.axis % x.type.rank)
    e.emit("CUMSUM", node, e.tensor(x), axis, exclusive=op.exclusive, reverse=op.reverse)


@EMIT(ops.TopK)
def top_k(e: Context, op: ops.TopK, node: Node) -> None:
    """k is an operand. The kernel plans no memory for a tensor whose signature is dynamic: it reads one without."""
    type = node.inputs[0].type
    x = e.tensor(node.inputs[0])
    if not type.is_static:
        source = x
        x = e.temporary(type)
        e.type(x).signature = None
        e.reshape(source, x, type.shape)
    e.emit("TOPK_V2", node, x, e.size(op.k))


@EMIT(ops.Softmax)
def softmax(e: Context, op: ops.Softmax, node: Node) -> None:
    """Along the last axis; legalize brings others there."""
    e.emit("SOFTMAX", node, beta=1.0)
