"""Moves of elements, in the forms that XNNPACK takes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kexport import ops
from kexport.ir.dim import SymDim
from kexport.ir.graph import Node, Value
from kexport.ir.types import DType
from kexport.passes.decompose import DECOMPOSE
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.rule import Replacement

MAX_CONCAT = 5
MAX_SPLIT = 4
"""What XNNPACK takes in one operator; other kernels, and so other element types, have no limit."""
_MAX_ONES = 1 << 12


@rule(ops.Concat)
def nest_concat(op: ops.Concat, node: Node, rewriter: Rewriter) -> Replacement:
    """Many operands: concatenations of five of them, concatenated."""
    values = node.inputs
    if len(values) <= MAX_CONCAT or node.output.type.dtype is not DType.F32:
        return None
    groups = [list(values[i : i + MAX_CONCAT]) for i in range(0, len(values), MAX_CONCAT)]
    return rewriter.add(op, *(rewriter.add(op, *g) if len(g) > 1 else g[0] for g in groups))


@rule(ops.Split)
def slice_pieces(op: ops.Split, node: Node, rewriter: Rewriter) -> Replacement:
    """Pieces of several sizes, or more than XNNPACK splits at once, are slices."""
    many = len(op.sizes) > MAX_SPLIT and node.inputs[0].type.dtype is DType.F32
    return DECOMPOSE[ops.Split].apply(node, rewriter) if many or len(set(op.sizes)) > 1 else None


@rule(ops.Reverse)
def reverse_one_axis(op: ops.Reverse, node: Node, rewriter: Rewriter) -> Replacement:
    """REVERSE_V2 turns one axis round."""
    (x,) = node.inputs
    if len(op.axes) == 1:
        return None
    for axis in op.axes:
        x = rewriter.add(ops.Reverse((axis,)), x)
    return x


@rule(ops.Pad)
def pad_edges(op: ops.Pad, node: Node, rewriter: Rewriter) -> Replacement:
    """The first and last elements, broadcast and concatenated."""
    (x,) = node.inputs
    if op.mode != "edge":
        return None
    for axis, (low, high) in enumerate(op.pads):
        size = x.type.shape[axis]
        parts = [_edge(rewriter, x, axis, 0, low), [x], _edge(rewriter, x, axis, size - 1, high)]
        values = [v for part in parts for v in part]
        x = rewriter.add(ops.Concat(axis), *values) if len(values) > 1 else x
    return x


def _edge(rewriter: Rewriter, x: Value, axis: int, at: Any, times: Any) -> list[Value]:
    """The element at a place of an axis, repeated; none for 0 times."""
    if times == 0:
        return []
    shape = x.type.shape
    begin = tuple(at if i == axis else 0 for i in range(len(shape)))
    end = tuple(at + 1 if i == axis else d for i, d in enumerate(shape))
    edge = rewriter.add(ops.Slice(begin, end, (1,) * len(shape)), x)
    wanted = tuple(times if i == axis else d for i, d in enumerate(shape))
    return [edge if times == 1 else rewriter.add(ops.BroadcastTo(wanted), edge)]


@rule(ops.BroadcastTo)
def broadcast_by_ones(op: ops.BroadcastTo, node: Node, rewriter: Rewriter) -> Replacement:
    """x times ones of the new sizes, which XNNPACK takes; BROADCAST_TO it refuses."""
    (x,) = node.inputs
    wanted = node.output.type
    if wanted.dtype is not DType.F32:
        return None
    source = (1,) * (wanted.rank - x.type.rank) + x.type.shape
    sizes: list[Any] = [1 if a == b else b for a, b in zip(source, wanted.shape, strict=True)]
    if any(isinstance(d, SymDim) for d in sizes) or math.prod(sizes) > _MAX_ONES:
        return None
    return rewriter.add(ops.Mul(), x, rewriter.constant(np.ones(sizes, np.float32)))


RULES = (nest_concat, slice_pieces, reverse_one_axis, pad_edges, broadcast_by_ones)
