"""Quantized graphs: what legalization puts between operators lies on the grid of what it moves."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Node, Value
from kexport.ir.op import Op
from kexport.ir.types import DType
from kexport.passes.decompose import DECOMPOSE
from kexport.passes.narrow_integers import move_before_dequantize
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.grids import dequantized, grid_of, held_in
from kexport.rewrite.rule import Replacement

_MOVES = (ops.Reshape, ops.Transpose, ops.Slice, ops.Pad, ops.Tile, ops.BroadcastTo, ops.Reverse)
"""Ops with one operand whose results are elements of it, or zeros."""


@rule(*_MOVES)
def keep_grid(op: Op, node: Node, rewriter: Rewriter) -> Replacement:
    """What is moved stays on its grid, which changes no number."""
    (x,) = node.inputs
    if held_in(x) is None or dequantized(x) is not None or not _moves(node):
        return None
    users = node.output.users
    if users and all(isinstance(u.op, ops.Quantize) for u in users) and not rewriter.graph.is_output(node.output):
        return None
    return _on_grid_of(x, rewriter.add(op, x), rewriter)


@rule(*_MOVES)
def quantize_before_moving(op: Op, node: Node, rewriter: Rewriter) -> Replacement:
    """What is quantized after it was moved is quantized before."""
    (x,) = node.inputs
    users = node.output.users
    if held_in(x) is not None or len(users) != 1 or len(x.users) != 1 or not _moves(node):
        return None
    (after,) = users
    if not isinstance(after.op, ops.Quantize) or rewriter.graph.is_output(x) or rewriter.graph.is_output(node.output):
        return None
    grid = grid_of(after)
    if grid is None or not grid.is_whole:
        return None
    _, scale, zero = after.inputs
    held = rewriter.add(ops.Quantize(after.op.dtype), x, scale, zero)
    return rewriter.add(op, rewriter.add(ops.Dequantize(), held, scale, zero))


def _moves(node: Node) -> bool:
    """Whether a node adds no numbers but zeros, which are on every grid."""
    return not isinstance(node.op, ops.Pad) or node.op.value == 0 or node.op.mode != "constant"


def _on_grid_of(x: Value, moved: Value, rewriter: Rewriter) -> Value:
    """`moved`, rounded to the grid of x, where it lies already."""
    held = held_in(x)
    assert held is not None
    assert x.producer is not None
    _, scale, zero = x.producer.inputs
    integers = rewriter.add(ops.Quantize(held.type.dtype), moved, scale, zero)
    return rewriter.add(ops.Dequantize(), integers, scale, zero)


_ON_GRIDS = (DType.I8, DType.U8, DType.I16, DType.I32)


@rule(ops.Quantize, ops.Dequantize)
def expand_grid(op: ops.Quantize | ops.Dequantize, node: Node, rewriter: Rewriter) -> Replacement:
    """Blocks of scales, other integers and data quantized by axis, which no kernel of TF Lite takes, are arithmetic."""
    grid = grid_of(node)
    integers = node.inputs[0].type.dtype
    floats = node.output.type.dtype
    if isinstance(op, ops.Quantize):
        integers, floats = op.dtype, integers
    constant = dequantized(node.output) is not None if isinstance(op, ops.Dequantize) else False
    if grid is not None and floats is DType.F32 and integers in _ON_GRIDS and (grid.is_whole or constant):
        return None
    return DECOMPOSE[type(op)].apply(node, rewriter)


RULES = (expand_grid, move_before_dequantize, keep_grid, quantize_before_moving)
