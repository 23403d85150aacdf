"""Moves of elements that Core ML has in fewer forms."""

from __future__ import annotations

from typing import Any

import numpy as np

from kexport import ops
from kexport.ir.dim import Dim, product
from kexport.ir.graph import Node, Value
from kexport.passes.decompose import DECOMPOSE
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.rule import Replacement

MAX_RANK = 5


@rule(ops.Pad)
def pad_by_pieces(op: ops.Pad, node: Node, rewriter: Rewriter) -> Replacement:
    """Integers, mirrors that repeat the border, and other axes than the last two: pieces put side by side."""
    (x,) = node.inputs
    grown = [i for i, pair in enumerate(op.pads) if pair != (0, 0)]
    if not grown:
        return x
    native = op.mode == "constant" or (op.mode != "symmetric" and min(grown) >= x.type.rank - 2 and x.type.rank > 1)
    if native and x.type.dtype.is_float:
        return None
    for axis in grown:
        low, high = op.pads[axis]
        pieces = [_border(rewriter, op, x, axis, low, True), x, _border(rewriter, op, x, axis, high, False)]
        x = rewriter.add(ops.Concat(axis), *(p for p in pieces if p is not None))
    return x


def _border(rewriter: Rewriter, op: Any, x: Value, axis: int, size: Dim, before: bool) -> Value | None:
    if size == 0:
        return None
    shape = x.type.shape
    end = x.type.shape[axis]
    wanted = (*shape[:axis], size, *shape[axis + 1 :])
    if op.mode == "constant":
        return rewriter.add(ops.Full(wanted, op.value, x.type.dtype))
    if op.mode == "edge":
        row = _rows(rewriter, x, axis, *((0, 1) if before else (end - 1, end)))
        return rewriter.add(ops.BroadcastTo(wanted), row)
    skip = 1 if op.mode == "reflect" else 0
    rows = _rows(rewriter, x, axis, *((skip, size + skip) if before else (end - size - skip, end - skip)))
    return rewriter.add(ops.Reverse((axis,)), rows)


def _rows(rewriter: Rewriter, x: Value, axis: int, begin: Dim, end: Dim) -> Value:
    shape = x.type.shape
    begins = tuple(begin if i == axis else 0 for i in range(len(shape)))
    ends = tuple(end if i == axis else d for i, d in enumerate(shape))
    return rewriter.add(ops.Slice(begins, ends, (1,) * len(shape)), x)


@rule(ops.DepthToSpace, ops.SpaceToDepth)
def blocks_of_integers(op: ops.DepthToSpace | ops.SpaceToDepth, node: Node, rewriter: Rewriter) -> Replacement:
    """Core ML moves blocks of floats only."""
    if node.output.type.dtype.is_float:
        return None
    return DECOMPOSE[type(op)].apply(node, rewriter)


@rule(ops.Split)
def split_of_open_sizes(op: ops.Split, node: Node, rewriter: Rewriter) -> Replacement:
    """Slices."""
    if all(isinstance(s, int) for s in op.sizes):
        return None
    return DECOMPOSE[ops.Split].apply(node, rewriter)


@rule(ops.Transpose)
def transpose_fewer_axes(op: ops.Transpose, node: Node, rewriter: Rewriter) -> Replacement:
    """Axes that stay together are one axis; Core ML has tensors of up to 5."""
    (x,) = node.inputs
    if len(op.perm) <= MAX_RANK:
        return None
    shape = x.type.shape
    if 1 in shape:
        return _without_ones(node, rewriter)
    groups: list[list[int]] = []
    for p in op.perm:
        if groups and p == groups[-1][-1] + 1:
            groups[-1].append(p)
        else:
            groups.append([p])
    if len(groups) > MAX_RANK:
        return None
    order = np.argsort([g[0] for g in groups])
    flat = rewriter.add(ops.Reshape(tuple(product(shape[p] for p in groups[i]) for i in order)), x)
    perm = tuple(int(i) for i in np.argsort(order))
    return rewriter.add(ops.Reshape(node.output.type.shape), rewriter.add(ops.Transpose(perm), flat))


def _without_ones(node: Node, rewriter: Rewriter) -> Replacement:
    """Axes of size 1 need not be moved."""
    op: Any = node.op
    (x,) = node.inputs
    kept = [a for a, d in enumerate(x.type.shape) if d != 1]
    flat = rewriter.add(ops.Reshape(tuple(x.type.shape[a] for a in kept)), x)
    perm = tuple(kept.index(p) for p in op.perm if p in kept)
    return rewriter.add(ops.Reshape(node.output.type.shape), rewriter.add(ops.Transpose(perm), flat))


RULES = (pad_by_pieces, blocks_of_integers, split_of_open_sizes, transpose_fewer_axes)
