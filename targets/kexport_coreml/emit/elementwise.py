"""Elementwise functions of one operand."""

from __future__ import annotations

import math

from kexport import ops
from kexport.ir.graph import Node
from kexport.ir.op import Op
from kexport.ir.types import DType
from kexport_coreml.context import Context
from kexport_coreml.dtypes import NARROW
from kexport_coreml.emit.table import EMIT, wrap
from kexport_coreml.refs import Ref

_SAME = {
    ops.Abs: "abs", ops.Sign: "sign", ops.Exp: "exp", ops.Sqrt: "sqrt", ops.Floor: "floor", ops.Ceil: "ceil",
    ops.Round: "round", ops.Sin: "sin", ops.Cos: "cos", ops.Tan: "tan", ops.Asin: "asin", ops.Acos: "acos",
    ops.Atan: "atan", ops.Sinh: "sinh", ops.Cosh: "cosh", ops.Atanh: "atanh", ops.Erf: "erf",
    ops.LogicalNot: "logical_not",
}  # fmt: skip
"""Ops that Core ML has with the same meaning."""

EMIT.wraps(ops.Square, ops.Neg, ops.BitNot)


@EMIT.applies(*_SAME)
def same(e: Context, op: Op, x: Ref) -> Ref:
    return e.op(_SAME[type(op)], x=x)


@EMIT.applies(ops.Square)
def square(e: Context, op: ops.Square, x: Ref) -> Ref:
    return e.op("square", x=x)


@EMIT.applies(ops.Neg)
def neg(e: Context, op: ops.Neg, x: Ref) -> Ref:
    return e.elementwise("mul", x, e.const(-1, x.dtype))


@EMIT.applies(ops.BitNot)
def bit_not(e: Context, op: ops.BitNot, x: Ref) -> Ref:
    """-1 - x: two's complement."""
    return e.elementwise("sub", e.const(-1, x.dtype), x)


@EMIT.applies(ops.Log, ops.Rsqrt)
def with_epsilon(e: Context, op: Op, x: Ref) -> Ref:
    """Core ML adds an epsilon to x; the functions have none."""
    return e.op(type(op).name, x=x, epsilon=0.0)


@EMIT.applies(ops.Reciprocal)
def reciprocal(e: Context, op: ops.Reciprocal, x: Ref) -> Ref:
    """`inverse` would add an epsilon."""
    return e.elementwise("real_div", e.const(1, x.dtype), x)


@EMIT.applies(ops.IsNan)
def is_nan(e: Context, op: ops.IsNan, x: Ref) -> Ref:
    return e.elementwise("not_equal", x, x, dtype=DType.BOOL)


@EMIT.applies(ops.IsInf)
def is_inf(e: Context, op: ops.IsInf, x: Ref) -> Ref:
    return e.elementwise("equal", e.op("abs", x=x), e.const(math.inf, x.dtype), dtype=DType.BOOL)


@EMIT.applies(ops.IsFinite)
def is_finite(e: Context, op: ops.IsFinite, x: Ref) -> Ref:
    """False for NaN, like every comparison."""
    return e.elementwise("less", e.op("abs", x=x), e.const(math.inf, x.dtype), dtype=DType.BOOL)


@EMIT.emits(ops.Cast)
def cast(e: Context, op: ops.Cast, node: Node) -> Ref:
    """Of a constant the cast is done while it is written."""
    (value,) = node.inputs
    source = value.type.dtype
    wanted = node.output.type.dtype
    if value.data is not None and (source.is_float or source is DType.BOOL or not wanted.is_int):
        return e.weight(value.data, value.name, dtype=e.computed(wanted))
    x = e.cast(e.ref(value), e.computed(wanted))
    return x if _holds(wanted, source) else wrap(e, x, wanted)


def _holds(wide: DType, narrow: DType) -> bool:
    """Whether every value of a type is one of another, as far as integers go."""
    if wide not in NARROW or narrow is DType.BOOL or wide is narrow:
        return True
    if narrow not in NARROW:
        return False
    signs = (wide.value[0], narrow.value[0])
    return signs != ("u", "i") and NARROW[wide] - (signs == ("i", "u")) >= NARROW[narrow]
