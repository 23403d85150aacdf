"""Keeps quantized weights as the stored integers, with one scale per block."""

from __future__ import annotations

from typing import Any

import numpy as np

from kexport import ops
from kexport.ir.graph import Node, Value
from kexport.ir.types import DType
from kexport.ops.binary import Binary
from kexport.rewrite import Rewriter, RulePass, Skip, rule
from kexport.rewrite.grids import dequantize, dequantized, grid_of
from kexport.rewrite.match import made_by
from kexport.rewrite.narrow import is_narrow, is_repeating, narrow_constant, run_length
from kexport.rewrite.rule import Replacement


@rule(ops.Transpose, ops.Reshape)
def move_before_cast(op: ops.Transpose | ops.Reshape, node: Node, rewriter: Rewriter) -> Replacement:
    """Move constant integers before they are cast."""
    (x,) = node.inputs
    source = narrow_constant(x)
    if source is None or source.data is None or not node.output.type.is_static:
        return None
    if len(source.users) > 1:
        return Skip("a large constant would be held twice")
    moved = rewriter.constant(op.evaluate(source.data), source.name)
    return rewriter.add(ops.Cast(x.type.dtype), moved)


@rule(ops.Transpose, ops.Reshape)
def move_before_dequantize(op: ops.Transpose | ops.Reshape, node: Node, rewriter: Rewriter) -> Replacement:
    """Move constant quantized integers before they are dequantized, together with their scales."""
    (x,) = node.inputs
    source = dequantized(x)
    grid = grid_of(x.producer)
    if source is None or source.data is None or grid is None or not node.output.type.is_static:
        return None
    if len(source.users) > 1 or len(x.users) > 1:
        return Skip("a large constant would be held twice")
    moved = grid.moved(source.data.shape, op.evaluate)
    if moved is None:
        return Skip("its scales would lie along several axes")
    return dequantize(rewriter, rewriter.constant(op.evaluate(source.data), source.name), moved, x)


@rule(ops.Cast)
def cast_before_gather(op: ops.Cast, node: Node, rewriter: Rewriter) -> Replacement:
    """Cast the table before gathering from it."""
    gather = made_by(node.inputs[0], ops.Gather)
    if gather is None or not isinstance(gather.op, ops.Gather) or gather.op.batch_dims:
        return None
    if gather.inputs[0].data is None or gather.inputs[1].data is None or not is_repeating(gather.inputs[1].data):
        return None
    few = gather.inputs[0].data.astype(node.output.type.dtype.numpy)
    return rewriter.add(gather.op, rewriter.constant(few), gather.inputs[1])


@rule(Binary)
def by_block(op: Binary, node: Node, rewriter: Rewriter) -> Replacement:
    """Multiply rows by block scales along a separate axis of blocks, instead of repeating the scales."""
    whole = node.output.type.shape
    for i, value in enumerate(node.inputs):
        gather = made_by(value, ops.Gather)
        other = node.inputs[1 - i]
        axis = _blocks(gather) if gather else None
        if gather is None or axis is None or not value.type.shape == other.type.shape == whole:
            continue
        groups: Any = gather.inputs[0].type.shape
        length: Any = whole[axis]
        blocks = (*whole[:axis], groups[axis], length // groups[axis], *whole[axis + 1 :])
        scales = rewriter.add(ops.Reshape((*groups[: axis + 1], 1, *groups[axis + 1 :])), gather.inputs[0])
        rows = rewriter.add(ops.Reshape(blocks), other)
        y: Value = rewriter.add(op, *((scales, rows) if i == 0 else (rows, scales)))
        return rewriter.add(ops.Reshape(whole), y)
    return None


def _blocks(gather: Node) -> int | None:
    """Return the axis along which a gather from a constant repeats every element equally often."""
    op: Any = gather.op
    data, indices = (v.data for v in gather.inputs)
    if data is None or indices is None or op.batch_dims:
        return None
    axis = op.axis % data.ndim
    length = run_length(indices)
    return axis if length > 1 and length * data.shape[axis] == indices.size else None


_NIBBLES = {DType.I8: (DType.I4, -8, 7), DType.U8: (DType.U4, 0, 15)}


@rule(ops.Cast)
def four_bits(op: ops.Cast, node: Node, rewriter: Rewriter) -> Replacement:
    """Store integers that fit into 4 bits as such, for formats that can."""
    (source,) = node.inputs
    if source.data is None or not is_narrow(source) or source.type.dtype not in _NIBBLES:
        return None
    dtype, low, high = _NIBBLES[source.type.dtype]
    if int(np.min(source.data)) < low or int(np.max(source.data)) > high:
        return None
    return rewriter.add(op, rewriter.constant(source.data.astype(dtype.numpy), source.name))


PASS = RulePass("narrow_integers", (move_before_cast, move_before_dequantize, cast_before_gather, by_block))
