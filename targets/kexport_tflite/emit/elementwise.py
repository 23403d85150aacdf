"""Elementwise ops of one operand."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Node
from kexport.ir.op import Op
from kexport_tflite.context import Context
from kexport_tflite.emit.table import EMIT
from kexport_tflite.weights import half_constant, stored_integers

UNARY = {
    ops.Neg: "NEG",
    ops.Abs: "ABS",
    ops.Sign: "SIGN",
    ops.Square: "SQUARE",
    ops.Sqrt: "SQRT",
    ops.Rsqrt: "RSQRT",
    ops.Exp: "EXP",
    ops.Log: "LOG",
    ops.Floor: "FLOOR",
    ops.Ceil: "CEIL",
    ops.Round: "ROUND",
    ops.Sin: "SIN",
    ops.Cos: "COS",
    ops.LogicalNot: "LOGICAL_NOT",
}


@EMIT(*UNARY)
def unary(e: Context, op: Op, node: Node) -> None:
    """One operator of the same meaning."""
    e.emit(UNARY[type(op)], node)


@EMIT(ops.Cast)
def cast(e: Context, op: ops.Cast, node: Node) -> None:
    """CAST names both types; constants in float16 or narrow integers are widened where they are read."""
    if half_constant(node.output) is not None or stored_integers(node.output) is not None:
        return
    e.emit("CAST", node, in_data_type=node.inputs[0].type.dtype, out_data_type=node.output.type.dtype)
