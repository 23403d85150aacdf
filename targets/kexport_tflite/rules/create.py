"""Ops without operands: RANGE counts whole numbers, and fixed sizes make constants."""

from __future__ import annotations

from kexport import ops
from kexport.ir.dim import SymDim
from kexport.ir.graph import Node
from kexport.ir.op import Op
from kexport.ir.types import DType
from kexport.passes import fold_constants
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.rule import Replacement
from kexport.rewrite.term import Term
from kexport_tflite.weights import half_constant

_MAX_FULL = 1 << 14
"""Larger constants of one value are filled at run time, to keep the file small."""
_MAX_STATE = 1 << 8
"""The same for what a loop starts with, where nothing is gained by a constant."""


@rule(ops.Iota, ops.Full)
def make_constant(op: ops.Iota | ops.Full, node: Node, rewriter: Rewriter) -> Replacement:
    """Of fixed size."""
    if not node.output.type.is_static or _is_filled(node):
        return None
    return rewriter.constant(op.evaluate())


def _is_filled(node: Node) -> bool:
    """Whether a tensor of one value and of fixed size is made when the model runs."""
    if not isinstance(node.op, ops.Full) or not node.output.type.is_static:
        return False
    for_loops = all(isinstance(u.op, ops.While) for u in node.output.users)
    return node.output.type.numel > (_MAX_STATE if for_loops else _MAX_FULL)


@rule(ops.Iota)
def count_from_zero(op: ops.Iota, node: Node, rewriter: Rewriter) -> Replacement:
    """start + step * (0, 1, 2, …), counted in int32, so that rounding changes no length."""
    if not isinstance(op.length, SymDim) or (op.dtype, op.start, op.step) == (DType.I32, 0, 1):
        return None
    counted = Term(rewriter, rewriter.add(ops.Iota(op.length, DType.I32))).cast(op.dtype)
    scaled = counted * op.step if op.step != 1 else counted
    return (scaled + op.start if op.start != 0 else scaled).value


@rule()
def fold(op: Op, node: Node, rewriter: Rewriter) -> Replacement:
    """What rules make of constants; but those in float16 are widened by the engine, not in the file."""
    if half_constant(node.outputs[0]) or _is_filled(node):
        return None
    return fold_constants.fold.apply(node, rewriter)


RULES = (make_constant, count_from_zero, fold)
