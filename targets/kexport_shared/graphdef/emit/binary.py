"""Elementwise functions of two operands, and select."""

from __future__ import annotations

import numpy as np

from kexport import ops
from kexport.ir.graph import Node
from kexport.ir.op import Op
from kexport.ir.types import DType
from kexport_shared.graphdef.context import Context
from kexport_shared.graphdef.nodes import Ref
from kexport_shared.graphdef.table import COMMON

_SAME = {
    ops.Add: "AddV2",
    ops.Sub: "Sub",
    ops.Mul: "Mul",
    ops.Div: "RealDiv",
    ops.FloorDiv: "FloorDiv",
    ops.Mod: "FloorMod",
    ops.Pow: "Pow",
    ops.Maximum: "Maximum",
    ops.Minimum: "Minimum",
    ops.Atan2: "Atan2",
    ops.SquaredDifference: "SquaredDifference",
    ops.LogicalAnd: "LogicalAnd",
    ops.LogicalOr: "LogicalOr",
    ops.BitAnd: "BitwiseAnd",
}
"""Ops that both engines have with the same meaning."""

_COMPARE = {
    ops.Equal: "Equal",
    ops.NotEqual: "NotEqual",
    ops.LogicalXor: "NotEqual",
    ops.Less: "Less",
    ops.LessEqual: "LessEqual",
    ops.Greater: "Greater",
    ops.GreaterEqual: "GreaterEqual",
}

_MOST_SHIFT = 30
"""The largest power of two that a 32-bit integer holds."""


@COMMON.emits(*_SAME)
def same(e: Context, op: Op, node: Node) -> Ref:
    return e.op(_SAME[type(op)], *e.refs(node))


@COMMON.emits(*_COMPARE)
def compare(e: Context, op: Op, node: Node) -> Ref:
    return e.op(_COMPARE[type(op)], *e.refs(node), dtype=DType.BOOL)


@COMMON.emits(ops.Select)
def select(e: Context, op: ops.Select, node: Node) -> Ref:
    return e.op("SelectV2", *e.refs(node), main=1)


@COMMON.emits(ops.BitOr)
def bit_or(e: Context, op: ops.BitOr, node: Node) -> Ref:
    """a + b counts the common bits twice."""
    a, b = e.refs(node)
    return e.op("Sub", e.op("AddV2", a, b), e.op("BitwiseAnd", a, b))


@COMMON.emits(ops.BitXor)
def bit_xor(e: Context, op: ops.BitXor, node: Node) -> Ref:
    """a or b, without the common bits."""
    a, b = e.refs(node)
    return e.op("Sub", bit_or(e, ops.BitOr(), node), e.op("BitwiseAnd", a, b))


@COMMON.emits(ops.ShiftLeft)
def shift_left(e: Context, op: ops.ShiftLeft, node: Node) -> Ref:
    """A product with a power of two."""
    a, b = e.refs(node)
    return e.op("Mul", a, _power(e, b))


@COMMON.emits(ops.ShiftRight)
def shift_right(e: Context, op: ops.ShiftRight, node: Node) -> Ref:
    """A division, rounded down, by a power of two; it keeps the sign."""
    a, b = e.refs(node)
    return e.op("FloorDiv", a, _power(e, b))


def _power(e: Context, exponent: Ref) -> Ref:
    powers = e.const(2 ** np.arange(_MOST_SHIFT + 1), exponent.dtype, "powers")
    return e.op("GatherV2", powers, exponent, e.scalar(0), batch_dims=0)
