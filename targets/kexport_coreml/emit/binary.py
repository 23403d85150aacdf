"""Elementwise functions of two operands, and select."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Node
from kexport.ir.op import Op
from kexport.ir.types import DType
from kexport.ops.broadcast import broadcast_shapes
from kexport_coreml.context import Context
from kexport_coreml.emit.layout import broadcast
from kexport_coreml.emit.table import EMIT
from kexport_coreml.refs import Ref

_SAME = {
    ops.Add: "add",
    ops.Sub: "sub",
    ops.Mul: "mul",
    ops.Div: "real_div",
    ops.FloorDiv: "floor_div",
    ops.Mod: "mod",
    ops.Pow: "pow",
    ops.Maximum: "maximum",
    ops.Minimum: "minimum",
    ops.LogicalAnd: "logical_and",
    ops.LogicalOr: "logical_or",
    ops.LogicalXor: "logical_xor",
}
"""Ops that Core ML has with the same meaning."""

_COMPARE = {
    ops.Equal: "equal",
    ops.NotEqual: "not_equal",
    ops.Less: "less",
    ops.LessEqual: "less_equal",
    ops.Greater: "greater",
    ops.GreaterEqual: "greater_equal",
}

EMIT.unsupported("Core ML has no operations on the bits of integers", ops.BitAnd, ops.BitOr, ops.BitXor)

EMIT.wraps(*_SAME, ops.ShiftLeft, ops.ShiftRight)


@EMIT.emits(*_SAME)
def same(e: Context, op: Op, node: Node) -> Ref:
    return e.elementwise(_SAME[type(op)], *e.refs(node))


@EMIT.emits(*_COMPARE)
def compare(e: Context, op: Op, node: Node) -> Ref:
    return e.elementwise(_COMPARE[type(op)], *e.refs(node), dtype=DType.BOOL)


@EMIT.emits(ops.Select)
def select(e: Context, op: ops.Select, node: Node) -> Ref:
    """Core ML broadcasts a and b to each other, not to the condition."""
    condition, a, b = e.refs(node)
    shape = node.output.type.shape
    if broadcast_shapes(a.shape, b.shape) != shape:
        a = broadcast(e, a, shape)
    return e.op("select", shape=shape, dtype=a.dtype, cond=condition, a=a, b=b)


@EMIT.emits(ops.ShiftLeft, ops.ShiftRight)
def shift(e: Context, op: ops.ShiftLeft | ops.ShiftRight, node: Node) -> Ref:
    """A product with a power of two, or the floored quotient, which keeps the sign as an arithmetic shift does."""
    a, b = e.refs(node)
    power = e.elementwise("pow", e.const(2, DType.I32), b)
    return e.elementwise("mul" if isinstance(op, ops.ShiftLeft) else "floor_div", a, power)
