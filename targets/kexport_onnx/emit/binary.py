"""Elementwise functions of two operands, and select."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Node
from kexport.ir.op import Op
from kexport.ir.types import DType
from kexport_onnx.context import Context
from kexport_onnx.emit.table import EMIT
from kexport_onnx.refs import Ref

_SAME = {
    ops.Add: "Add",
    ops.Sub: "Sub",
    ops.Mul: "Mul",
    ops.Div: "Div",
    ops.Pow: "Pow",
    ops.Maximum: "Max",
    ops.Minimum: "Min",
    ops.LogicalAnd: "And",
    ops.LogicalOr: "Or",
    ops.LogicalXor: "Xor",
    ops.BitAnd: "BitwiseAnd",
    ops.BitOr: "BitwiseOr",
    ops.BitXor: "BitwiseXor",
}
"""Ops that ONNX has with the same meaning."""

_COMPARE = {
    ops.Equal: "Equal",
    ops.Less: "Less",
    ops.LessEqual: "LessOrEqual",
    ops.Greater: "Greater",
    ops.GreaterEqual: "GreaterOrEqual",
}

_UNSIGNED = {
    DType.I8: DType.U8,
    DType.I16: DType.U32,
    DType.U16: DType.U32,
    DType.I32: DType.U32,
    DType.I64: DType.U64,
}
"""In which type bits are shifted: there are kernels for u8, u32 and u64."""


@EMIT.emits(*_SAME)
def same(e: Context, op: Op, node: Node) -> Ref:
    return e.op(_SAME[type(op)], *e.refs(node))


@EMIT.emits(*_COMPARE)
def compare(e: Context, op: Op, node: Node) -> Ref:
    return e.op(_COMPARE[type(op)], *e.refs(node), dtype=DType.BOOL)


@EMIT.emits(ops.Select)
def select(e: Context, op: ops.Select, node: Node) -> Ref:
    """ONNX Runtime chooses no booleans: bytes stand for them."""
    condition, a, b = e.refs(node)
    if a.dtype is not DType.BOOL:
        return e.op("Where", condition, a, b, main=1)
    chosen = e.op("Where", condition, e.cast(a, DType.U8), e.cast(b, DType.U8), main=1)
    return e.cast(chosen, DType.BOOL)


@EMIT.emits(ops.Mod)
def mod(e: Context, op: ops.Mod, node: Node) -> Ref:
    """ONNX's integer Mod is floored; for floats there is only C's fmod, to be moved to the side of b."""
    a, b = e.refs(node)
    if a.dtype.is_int:
        return e.op("Mod", a, b)
    zero = e.const(0, a.dtype)
    rest = e.op("Mod", a, b, fmod=1)
    sides_differ = e.op("Less", e.op("Mul", e.op("Sign", rest), e.op("Sign", b)), zero, dtype=DType.BOOL)
    return e.op("Where", sides_differ, e.op("Add", rest, b), rest, main=1)


@EMIT.emits(ops.FloorDiv)
def floor_div(e: Context, op: ops.FloorDiv, node: Node) -> Ref:
    """ONNX's integer Div cuts towards zero; without the floored rest it is exact."""
    a, b = e.refs(node)
    if a.dtype.is_float:
        return e.op("Floor", e.op("Div", a, b))
    if a.dtype.value.startswith("i"):
        a = e.op("Sub", a, e.op("Mod", a, b))
    return e.op("Div", a, b)


@EMIT.emits(ops.ShiftLeft)
def shift_left(e: Context, op: ops.ShiftLeft, node: Node) -> Ref:
    a, b = e.refs(node)
    unsigned = _UNSIGNED.get(a.dtype, a.dtype)
    return e.cast(e.op("BitShift", e.cast(a, unsigned), e.cast(b, unsigned), direction="LEFT"), a.dtype)


@EMIT.emits(ops.ShiftRight)
def shift_right(e: Context, op: ops.ShiftRight, node: Node) -> Ref:
    """Of a negative number the complement is shifted, so that the sign stays."""
    a, b = e.refs(node)
    unsigned = _UNSIGNED.get(a.dtype, a.dtype)
    signed = a.dtype.value.startswith("i")
    negative = e.op("Less", a, e.const(0, a.dtype), dtype=DType.BOOL) if signed else None
    bits = e.op("Where", negative, e.op("BitwiseNot", a), a, main=1) if negative else a
    shifted = e.cast(e.op("BitShift", e.cast(bits, unsigned), e.cast(b, unsigned), direction="RIGHT"), a.dtype)
    return e.op("Where", negative, e.op("BitwiseNot", shifted), shifted, main=1) if negative else shifted
