"""Elementwise functions of one operand."""

from __future__ import annotations

import math
from typing import Any

from kexport import ops
from kexport.ir.types import DType
from kexport_onnx.context import Context, Ref
from kexport_onnx.emit.table import applies

_SAME = {
    ops.Neg: "Neg", ops.Abs: "Abs", ops.Sign: "Sign", ops.Exp: "Exp", ops.Log: "Log", ops.Sqrt: "Sqrt",
    ops.Reciprocal: "Reciprocal", ops.Floor: "Floor", ops.Ceil: "Ceil", ops.Round: "Round", ops.Sin: "Sin",
    ops.Cos: "Cos", ops.Tan: "Tan", ops.Asin: "Asin", ops.Acos: "Acos", ops.Atan: "Atan", ops.Sinh: "Sinh",
    ops.Cosh: "Cosh", ops.Asinh: "Asinh", ops.Acosh: "Acosh", ops.Atanh: "Atanh", ops.Erf: "Erf",
    ops.LogicalNot: "Not", ops.BitNot: "BitwiseNot",
}  # fmt: skip
"""Ops that ONNX has with the same meaning."""


@applies(*_SAME)
def same(e: Context, op: Any, x: Ref) -> Ref:
    return e.op(_SAME[type(op)], x)


@applies(ops.Cast)
def cast(e: Context, op: ops.Cast, x: Ref) -> Ref:
    return e.cast(x, op.dtype)


@applies(ops.Square)
def square(e: Context, op: ops.Square, x: Ref) -> Ref:
    return e.op("Mul", x, x)


@applies(ops.Rsqrt)
def rsqrt(e: Context, op: ops.Rsqrt, x: Ref) -> Ref:
    return e.op("Reciprocal", e.op("Sqrt", x))


@applies(ops.Expm1)
def expm1(e: Context, op: ops.Expm1, x: Ref) -> Ref:
    """(u - 1) * x / log(u) for small x, u = e**x, whose rounding errors cancel. Source: W. Kahan, HP-15C handbook."""
    one = e.const(1, x.dtype)
    u = e.op("Exp", x)
    less_one = e.op("Sub", u, one)
    small = e.op("Div", e.op("Mul", less_one, x), e.op("Log", u))
    return _near_zero(e, x, u, small, less_one)


@applies(ops.Log1p)
def log1p(e: Context, op: ops.Log1p, x: Ref) -> Ref:
    """log(u) * x / (u - 1) for small x, u = 1 + x. Source: W. Kahan, HP-15C handbook."""
    one = e.const(1, x.dtype)
    u = e.op("Add", x, one)
    log = e.op("Log", u)
    small = e.op("Div", e.op("Mul", log, x), e.op("Sub", u, one))
    return _near_zero(e, x, u, small, log)


def _near_zero(e: Context, x: Ref, u: Ref, small: Ref, large: Ref) -> Ref:
    """x where u is 1, `small` where |x| < 1, else `large`."""
    one = e.const(1, x.dtype)
    is_small = e.op("Less", e.op("Abs", x), one, dtype=DType.BOOL)
    is_one = e.op("Equal", u, one, dtype=DType.BOOL)
    return e.op("Where", is_one, x, e.op("Where", is_small, small, large, main=1), main=1)


@applies(ops.IsNan)
def is_nan(e: Context, op: ops.IsNan, x: Ref) -> Ref:
    return e.op("IsNaN", x, dtype=DType.BOOL)


@applies(ops.IsInf)
def is_inf(e: Context, op: ops.IsInf, x: Ref) -> Ref:
    return e.op("IsInf", x, dtype=DType.BOOL)


@applies(ops.IsFinite)
def is_finite(e: Context, op: ops.IsFinite, x: Ref) -> Ref:
    return e.op("Less", e.op("Abs", x), e.const(math.inf, x.dtype), dtype=DType.BOOL)
