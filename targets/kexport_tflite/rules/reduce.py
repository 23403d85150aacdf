"""Reductions: along the last axis where the operator wants that, without what it cannot keep."""

from __future__ import annotations

from dataclasses import replace

from kexport import ops
from kexport.ir.graph import Node
from kexport.ir.types import DType
from kexport.ops.reduce import ArgReduce, Reduce
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.rule import Replacement
from kexport.rewrite.term import Term


def _to_last(axis: int, rank: int) -> tuple[int, ...]:
    """The transpose that swaps an axis with the last; it is its own inverse."""
    perm = list(range(rank))
    perm[axis], perm[-1] = perm[-1], perm[axis]
    return tuple(perm)


@rule(ops.Softmax)
def softmax_last(op: ops.Softmax, node: Node, rewriter: Rewriter) -> Replacement:
    """Along another axis: between two transposes."""
    (x,) = node.inputs
    rank = x.type.rank
    axis = op.axis % rank
    if axis == rank - 1:
        return None
    swap = ops.Transpose(_to_last(axis, rank))
    return rewriter.add(swap, rewriter.add(ops.Softmax(-1), rewriter.add(swap, x)))


@rule(Reduce)
def reduce_nothing(op: Reduce, node: Node, rewriter: Rewriter) -> Replacement:
    """No axes."""
    return None if op.axes else node.inputs[0]


@rule(ArgReduce)
def position_plainly(op: ArgReduce, node: Node, rewriter: Rewriter) -> Replacement:
    """The axis is dropped and brought back by a reshape; positions are int32 or int64."""
    (x,) = node.inputs
    if op.keepdims:
        return rewriter.add(ops.Reshape(node.output.type.shape), rewriter.add(replace(op, keepdims=False), x))
    if op.dtype not in (DType.I32, DType.I64):
        return rewriter.add(ops.Cast(op.dtype), rewriter.add(replace(op, dtype=DType.I32), x))
    return None


@rule(ArgReduce)
def position_by_top_k(op: ArgReduce, node: Node, rewriter: Rewriter) -> Replacement:
    """64-bit integers: ARG_MAX has no kernel for them, TOPK_V2 has. The least is the greatest of -1 - x."""
    (x,) = node.inputs
    if x.type.dtype is not DType.I64 or op.keepdims:
        return None
    term = Term(rewriter, x)
    term = term if isinstance(op, ops.ArgMax) else -1 - term
    axis = op.axis % x.type.rank
    rank = x.type.rank
    rest = tuple(i for i in range(rank) if i != axis)
    if axis != rank - 1:
        term = term.of(ops.Transpose((*rest, axis)))
    _, positions = rewriter.add_all(ops.TopK(1), term.value)
    found = Term(rewriter, positions).of(ops.Reshape(node.output.type.shape))
    return found.cast(op.dtype).value


RULES = (softmax_last, reduce_nothing, position_plainly, position_by_top_k)
