"""Elementwise ops of two operands, and select; TF Lite broadcasts as numpy does."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Node
from kexport.ir.op import Op
from kexport_tflite.context import Context
from kexport_tflite.emit.activation import fused
from kexport_tflite.emit.table import EMIT

ARITHMETIC = {ops.Add: "ADD", ops.Sub: "SUB", ops.Mul: "MUL", ops.Div: "DIV"}
OTHERS = {
    ops.FloorDiv: "FLOOR_DIV", ops.Mod: "FLOOR_MOD", ops.Pow: "POW", ops.Maximum: "MAXIMUM", ops.Minimum: "MINIMUM",
    ops.Atan2: "ATAN2", ops.SquaredDifference: "SQUARED_DIFFERENCE", ops.Equal: "EQUAL", ops.NotEqual: "NOT_EQUAL",
    ops.Less: "LESS", ops.LessEqual: "LESS_EQUAL", ops.Greater: "GREATER", ops.GreaterEqual: "GREATER_EQUAL",
    ops.LogicalAnd: "LOGICAL_AND", ops.LogicalOr: "LOGICAL_OR", ops.BitXor: "BITWISE_XOR",
    ops.ShiftRight: "RIGHT_SHIFT", ops.Select: "SELECT_V2",
}  # fmt: skip


@EMIT(*ARITHMETIC)
def arithmetic(e: Context, op: Op, node: Node) -> None:
    """Operators that can apply an activation."""
    e.emit(ARITHMETIC[type(op)], node, **fused(op))


@EMIT(*OTHERS)
def binary(e: Context, op: Op, node: Node) -> None:
    """One operator of the same meaning."""
    e.emit(OTHERS[type(op)], node)
