"""Elementwise functions of one operand."""

from __future__ import annotations

from kexport import ops
from kexport.ir.op import Op
from kexport.ir.types import DType
from kexport_onnx.context import Context
from kexport_onnx.emit.table import EMIT
from kexport_onnx.refs import Ref

_SAME = {
    ops.Neg: "Neg", ops.Abs: "Abs", ops.Sign: "Sign", ops.Exp: "Exp", ops.Log: "Log", ops.Sqrt: "Sqrt",
    ops.Reciprocal: "Reciprocal", ops.Floor: "Floor", ops.Ceil: "Ceil", ops.Round: "Round", ops.Sin: "Sin",
    ops.Cos: "Cos", ops.Tan: "Tan", ops.Asin: "Asin", ops.Acos: "Acos", ops.Atan: "Atan", ops.Sinh: "Sinh",
    ops.Cosh: "Cosh", ops.Asinh: "Asinh", ops.Acosh: "Acosh", ops.Atanh: "Atanh", ops.Erf: "Erf",
    ops.LogicalNot: "Not", ops.BitNot: "BitwiseNot",
}  # fmt: skip
"""Ops that ONNX has with the same meaning."""


@EMIT.applies(*_SAME)
def same(e: Context, op: Op, x: Ref) -> Ref:
    return e.op(_SAME[type(op)], x)


@EMIT.applies(ops.Cast)
def cast(e: Context, op: ops.Cast, x: Ref) -> Ref:
    return e.cast(x, op.dtype)


@EMIT.applies(ops.IsNan)
def is_nan(e: Context, op: ops.IsNan, x: Ref) -> Ref:
    return e.op("IsNaN", x, dtype=DType.BOOL)


@EMIT.applies(ops.IsInf)
def is_inf(e: Context, op: ops.IsInf, x: Ref) -> Ref:
    return e.op("IsInf", x, dtype=DType.BOOL)
