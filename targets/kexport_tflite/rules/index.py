"""Gathering and scattering at indices of several axes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kexport import ops
from kexport.ir.graph import Node, Value
from kexport.ir.types import DType
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.rule import Replacement
from kexport.rewrite.term import Term
from kexport_tflite.scatter import ScatterZeros, UpdateRow


@rule(ops.GatherNd)
def name_batch(op: ops.GatherNd, node: Node, rewriter: Rewriter) -> Replacement:
    """Batch axes become leading columns of the indices."""
    (x, indices) = node.inputs
    if not op.batch_dims:
        return None
    column = (*indices.type.shape[:-1], 1)
    columns: list[Value] = []
    for axis in range(op.batch_dims):
        shape = tuple(d if i == axis else 1 for i, d in enumerate(column))
        counted = rewriter.add(ops.Iota(column[axis], indices.type.dtype))
        columns.append(rewriter.add(ops.BroadcastTo(column), rewriter.add(ops.Reshape(shape), counted)))
    return rewriter.add(ops.GatherNd(), x, rewriter.add(ops.Concat(-1), *columns, indices))


@rule(ops.ScatterNd)
def write_row(op: ops.ScatterNd, node: Node, rewriter: Rewriter) -> Replacement:
    """One row, written over what was there."""
    (data, indices, updates) = node.inputs
    if op.reduction != "update" or indices.type.shape != (1, 1):
        return None
    at = Term(rewriter, indices).of(ops.Reshape(())).cast(DType.I32).value
    return rewriter.add(UpdateRow(), data, updates, at)


@rule(ops.ScatterNd)
def scatter(op: ops.ScatterNd, node: Node, rewriter: Rewriter) -> Replacement:
    """Into zeros; then added to the data, or taken where something was written."""
    (data, indices, updates) = node.inputs
    into = ScatterZeros(data.type.shape)
    if op.reduction == "add":
        return rewriter.add(ops.Add(), data, rewriter.add(into, indices, updates))
    if op.reduction == "update":
        ones = rewriter.add(ops.Full(updates.type.shape, 1, DType.I32))
        written = Term(rewriter, rewriter.add(into, indices, ones)) > 0
        return written.select(Term(rewriter, rewriter.add(into, indices, updates)), Term(rewriter, data)).value
    return _scatter_extreme(op.reduction, data, indices, updates, rewriter)


def _scatter_extreme(reduction: str, data: Value, indices: Value, updates: Value, rewriter: Rewriter) -> Replacement:
    """For each slice of the data, the greatest (least) of the updates whose index is its own; fixed sizes only."""
    depth: Any = indices.type.shape[-1]
    if not data.type.is_static or not indices.type.is_static:
        return None
    outer: Any = data.type.shape[:depth]
    parts: Any = (outer, indices.type.shape[:-1], data.type.shape[depth:])
    size, count, rest = map(math.prod, parts)
    steps = np.cumprod([1, *outer[:0:-1]])[::-1].astype(np.int32)
    at = Term(rewriter, indices).cast(DType.I32) * Term(rewriter, rewriter.constant(steps))
    place = at.of(ops.ReduceSum((-1,))).of(ops.Reshape((count, 1, 1)))
    hits = place.of(ops.Equal(), Term(rewriter, rewriter.constant(np.arange(size, dtype=np.int32).reshape(1, size, 1))))
    over = ops.ReduceMax((0,)) if reduction == "max" else ops.ReduceMin((0,))
    neutral = over.evaluate(np.empty((0, 1), data.type.dtype.numpy))
    values = Term(rewriter, updates).of(ops.Reshape((count, 1, rest)))
    found = hits.select(values, Term(rewriter, rewriter.constant(neutral[0]))).of(over)  # type: ignore[index]
    combine = ops.Maximum() if reduction == "max" else ops.Minimum()
    return Term(rewriter, data).of(combine, found.of(ops.Reshape(data.type.shape))).value


RULES = (name_batch, write_row, scatter)
