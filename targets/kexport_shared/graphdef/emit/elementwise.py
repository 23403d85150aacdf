"""Elementwise functions of one operand."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Node
from kexport.ir.op import Op
from kexport.ir.types import DType
from kexport_shared.graphdef.context import Context
from kexport_shared.graphdef.nodes import Ref
from kexport_shared.graphdef.table import COMMON

SAME: tuple[type[Op], ...] = (
    ops.Neg, ops.Abs, ops.Sign, ops.Exp, ops.Expm1, ops.Log, ops.Log1p, ops.Sqrt, ops.Rsqrt, ops.Reciprocal, ops.Square,
    ops.Floor, ops.Ceil, ops.Round, ops.Sin, ops.Cos, ops.Tan, ops.Asin, ops.Acos, ops.Atan, ops.Sinh, ops.Cosh,
    ops.Asinh, ops.Acosh, ops.Atanh, ops.Erf, ops.LogicalNot,
)  # fmt: skip
"""Ops that TensorFlow has under the same name."""


@COMMON.applies(*SAME)
def same(e: Context, op: Op, x: Ref) -> Ref:
    return e.op(type(op).__name__, x)


@COMMON.applies(ops.IsNan, ops.IsInf, ops.IsFinite)
def kind_of_number(e: Context, op: Op, x: Ref) -> Ref:
    return e.op(type(op).__name__, x, dtype=DType.BOOL)


@COMMON.applies(ops.BitNot)
def bit_not(e: Context, op: ops.BitNot, x: Ref) -> Ref:
    """In two's complement ~x is -1 - x."""
    return e.op("Sub", e.const(-1, x.dtype), x)


@COMMON.emits(ops.Cast)
def cast(e: Context, op: ops.Cast, node: Node) -> Ref:
    return e.cast(e.ref(node.inputs[0]), e.dialect.stored(node.output.type.dtype))
