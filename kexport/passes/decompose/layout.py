"""Expands moves of elements into simpler moves."""

from __future__ import annotations

import numpy as np

from kexport import ops
from kexport.ir.dim import Dim, SymDim
from kexport.ir.graph import Node, Value
from kexport.ir.types import DType
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.term import Term


@rule(ops.DepthToSpace)
def depth_to_space(op: ops.DepthToSpace, node: Node, rewriter: Rewriter) -> Value | None:
    """Blocks as axes of their own, moved beside rows and columns."""
    b = op.block
    n, h, w, c = node.inputs[0].type.shape
    blocks = Term(rewriter, node.inputs[0]).of(ops.Reshape((n, h, w, b, b, c // (b * b))))
    return blocks.of(ops.Transpose((0, 1, 3, 2, 4, 5))).of(ops.Reshape(node.output.type.shape)).value


@rule(ops.SpaceToDepth)
def space_to_depth(op: ops.SpaceToDepth, node: Node, rewriter: Rewriter) -> Value | None:
    """Blocks as axes of their own, moved behind rows and columns."""
    b = op.block
    n, h, w, c = node.inputs[0].type.shape
    blocks = Term(rewriter, node.inputs[0]).of(ops.Reshape((n, h // b, b, w // b, b, c)))
    return blocks.of(ops.Transpose((0, 1, 3, 2, 4, 5))).of(ops.Reshape(node.output.type.shape)).value


@rule(ops.Reverse)
def reverse(op: ops.Reverse, node: Node, rewriter: Rewriter) -> Value | None:
    """Gathers from the last to the first, axis by axis."""
    x = Term(rewriter, node.inputs[0])
    for axis in op.axes:
        x = x.of(ops.Gather(axis % x.type.rank), _descending(rewriter, x.type.shape[axis]))
    return x.value


def _descending(rewriter: Rewriter, size: Dim) -> Term:
    if not isinstance(size, SymDim):
        return Term(rewriter, rewriter.constant(np.arange(size, dtype=np.int32)[::-1]))
    last = Term(rewriter, rewriter.add(ops.Dims((size - 1,), DType.I32)))
    return last - Term(rewriter, rewriter.add(ops.Iota(size, DType.I32)))


@rule(ops.OneHot)
def one_hot(op: ops.OneHot, node: Node, rewriter: Rewriter) -> Value | None:
    """Which of 0, 1, … the index equals."""
    axis = op.axis
    indices = Term(rewriter, node.inputs[0])
    shape = indices.type.shape
    axis %= len(shape) + 1
    classes = np.arange(op.depth, dtype=indices.type.dtype.numpy).reshape([-1] + [1] * (len(shape) - axis))
    column = indices.of(ops.Reshape((*shape[:axis], 1, *shape[axis:])))
    return column.of(ops.Equal(), Term(rewriter, rewriter.constant(classes))).cast(op.dtype).value


@rule(ops.Split)
def split(op: ops.Split, node: Node, rewriter: Rewriter) -> tuple[Value, ...] | None:
    """One slice for each piece."""
    x = node.inputs[0]
    axis = op.axis
    axis = axis % x.type.rank
    rank = x.type.rank
    pieces: list[Value] = []
    at: Dim = 0
    for size in op.sizes:
        begin = tuple(at if i == axis else 0 for i in range(rank))
        end = tuple(at + size if i == axis else d for i, d in enumerate(x.type.shape))
        pieces.append(rewriter.add(ops.Slice(begin, end, (1,) * rank), x))
        at = at + size
    return tuple(pieces)


RULES = (depth_to_space, space_to_depth, reverse, one_hot, split)
