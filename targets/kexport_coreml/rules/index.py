"""Indices within batches, which Core ML knows since iOS 16."""

from __future__ import annotations

import numpy as np

from kexport import ops
from kexport.ir.dim import Dim, SymDim, product
from kexport.ir.graph import Node, Value
from kexport.ir.types import DType
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.rule import Replacement
from kexport_shared.emit.axes import behind_batches


@rule(ops.Gather)
def gather_in_batches(op: ops.Gather, node: Node, rewriter: Rewriter) -> Replacement:
    """The batch axes and the gathered one become one, and the indices count along it."""
    x, indices = node.inputs
    rank = x.type.rank
    batch = op.batch_dims
    axis = op.axis % rank
    if not batch:
        return None
    if moves := behind_batches(axis, batch, rank, indices.type.rank):
        found = rewriter.add(ops.Gather(batch, batch), rewriter.add(ops.Transpose(moves.before), x), indices)
        return rewriter.add(ops.Transpose(moves.behind), found)
    count = product(x.type.shape[:batch])
    flat = rewriter.add(ops.Reshape((count * x.type.shape[batch], *x.type.shape[batch + 1 :])), x)
    index = rewriter.add(ops.Cast(DType.I32), indices)
    starts = _starts(rewriter, count, x.type.shape[batch])
    inside = indices.type.rank - batch
    starts = rewriter.add(ops.Reshape((*x.type.shape[:batch], *(1,) * inside)), starts)
    return rewriter.add(ops.Gather(0), flat, rewriter.add(ops.Add(), index, starts))


def _starts(rewriter: Rewriter, count: Dim, size: Dim) -> Value:
    """0, size, 2*size, …"""
    steps = rewriter.add(ops.Iota(count, DType.I32))
    if isinstance(size, SymDim):
        return rewriter.add(ops.Mul(), steps, rewriter.add(ops.Dims((size,), DType.I32)))
    return rewriter.add(ops.Mul(), steps, rewriter.constant(np.int32(size)))


@rule(ops.TopK)
def top_of_open_number(op: ops.TopK, node: Node, rewriter: Rewriter) -> Replacement:
    """How many is a number in the file, or all: of another open number, the first of all."""
    (x,) = node.inputs
    size = x.type.shape[-1]
    if isinstance(op.k, int) or op.k == size:
        return None
    begin = (0,) * x.type.rank
    end = (*x.type.shape[:-1], op.k)
    part = ops.Slice(begin, end, (1,) * x.type.rank)
    return tuple(rewriter.add(part, found) for found in rewriter.add_all(ops.TopK(size), x))


@rule(ops.GatherNd)
def gather_nd_in_batches(op: ops.GatherNd, node: Node, rewriter: Rewriter) -> Replacement:
    """The positions in the batch become the first numbers of each index."""
    x, indices = node.inputs
    if not op.batch_dims:
        return None
    parts: list[Value] = []
    outer = indices.type.shape[:-1]
    for axis in range(op.batch_dims):
        steps = rewriter.add(ops.Iota(outer[axis], DType.I32))
        aligned = (*(1,) * axis, outer[axis], *(1,) * (len(outer) - axis))
        parts.append(rewriter.add(ops.BroadcastTo((*outer, 1)), rewriter.add(ops.Reshape(aligned), steps)))
    whole = rewriter.add(ops.Concat(len(outer)), *parts, rewriter.add(ops.Cast(DType.I32), indices))
    return rewriter.add(ops.GatherNd(), x, whole)


RULES = (gather_in_batches, gather_nd_in_batches)
