"""Reductions, running sums, top-k and softmax."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Node
from kexport.ops.reduce import ArgReduce, Reduce
from kexport_tflite.context import Context
from kexport_tflite.emit.table import EMIT

REDUCTIONS = {
    ops.ReduceSum: "SUM", ops.ReduceMean: "MEAN", ops.ReduceMax: "REDUCE_MAX", ops.ReduceMin: "REDUCE_MIN",
    ops.ReduceProd: "REDUCE_PROD", ops.ReduceAny: "REDUCE_ANY", ops.ReduceAll: "REDUCE_ALL",
}  # fmt: skip
POSITIONS = {ops.ArgMax: "ARG_MAX", ops.ArgMin: "ARG_MIN"}


@EMIT(*REDUCTIONS)
def reduce(context: Context, node: Node) -> None:
    """The axes are an operand, counted from the front."""
    op, (x,) = node.op, node.inputs
    assert isinstance(op, Reduce)
    axes = sorted(a % x.type.rank for a in op.axes)
    context.emit(REDUCTIONS[type(op)], node, context.tensor(x), context.ints(axes), keep_dims=op.keepdims)


@EMIT(*POSITIONS)
def arg_reduce(context: Context, node: Node) -> None:
    """The axis is an operand; legalize takes care of keepdims."""
    op, (x,) = node.op, node.inputs
    assert isinstance(op, ArgReduce)
    axis = context.ints(op.axis % x.type.rank)
    context.emit(POSITIONS[type(op)], node, context.tensor(x), axis, output_type=op.dtype)


@EMIT(ops.CumSum)
def cum_sum(context: Context, node: Node) -> None:
    """The axis is an operand."""
    op, (x,) = node.op, node.inputs
    assert isinstance(op, ops.CumSum)
    axis = context.ints(op.axis % x.type.rank)
    context.emit("CUMSUM", node, context.tensor(x), axis, exclusive=op.exclusive, reverse=op.reverse)


@EMIT(ops.TopK)
def top_k(context: Context, node: Node) -> None:
    """k is an operand. The kernel plans no memory for a tensor whose signature is dynamic: it reads one without."""
    assert isinstance(node.op, ops.TopK)
    type = node.inputs[0].type
    x = context.tensor(node.inputs[0])
    if not type.is_static:
        source, x = x, context.temporary(type)
        context.type(x).signature = None
        context.reshape(source, x, type.shape)
    context.emit("TOPK_V2", node, x, context.size(node.op.k))


@EMIT(ops.Softmax)
def softmax(context: Context, node: Node) -> None:
    """Along the last axis; legalize brings others there."""
    context.emit("SOFTMAX", node, beta=1.0)
