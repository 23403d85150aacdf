"""Applies identities of conditions and element types: select, not, cast."""

from __future__ import annotations

from typing import Any

import numpy as np

from kexport import ops
from kexport.ir.graph import Node, Value
from kexport.ir.op import Op
from kexport.ir.types import DType
from kexport.rewrite import Rewriter, RulePass, rule
from kexport.rewrite.match import made_by, uniform
from kexport.rewrite.rule import Replacement

_MANTISSA = {DType.BF16: 8, DType.F16: 11, DType.F32: 24, DType.F64: 53}
"""The bits of an integer that a float type holds exactly."""
_HIGHEST = {DType.F16: 15, DType.BF16: 127, DType.F32: 127, DType.F64: 1023}
"""Greatest binary exponents."""
_OPPOSITE: dict[type[Op], Op] = {ops.Equal: ops.NotEqual(), ops.NotEqual: ops.Equal()}


def holds_all(wide: DType, narrow: DType) -> bool:
    """Return whether every value of `narrow` is a value of `wide`."""
    if wide is narrow or narrow is DType.BOOL:
        return wide is not DType.STRING
    if narrow.is_int and (wide.is_int or wide.is_float):
        bits = _bits(narrow) - _signed(narrow)
        if wide.is_float:
            return bits <= _MANTISSA[wide] and bits <= _HIGHEST[wide]
        return _signed(wide) >= _signed(narrow) and _bits(wide) - _signed(wide) >= bits
    if narrow.is_float and wide.is_float:
        return _MANTISSA[wide] >= _MANTISSA[narrow] and _HIGHEST[wide] >= _HIGHEST[narrow]
    return False


@rule(ops.Cast)
def cast_to_the_same(op: ops.Cast, node: Node, rewriter: Rewriter) -> Replacement:
    """A cast to the type that x has is x."""
    return node.inputs[0] if node.inputs[0].type == node.output.type else None


@rule(ops.Cast)
def cast_of_cast(op: ops.Cast, node: Node, rewriter: Rewriter) -> Replacement:
    """Merge a cast through a type that holds every value into one cast."""
    inner = made_by(node.inputs[0], ops.Cast)
    if inner is None or not holds_all(node.inputs[0].type.dtype, inner.inputs[0].type.dtype):
        return None
    return rewriter.add(op, inner.inputs[0])


@rule(ops.Cast)
def cast_of_full(op: ops.Cast, node: Node, rewriter: Rewriter) -> Replacement:
    """One number everywhere is cast by itself."""
    inner = made_by(node.inputs[0], ops.Full)
    type = node.output.type
    if inner is None:
        return None
    full: Any = inner.op
    value: Any = op.evaluate(np.asarray(full.value, full.dtype.numpy))
    return rewriter.add(ops.Full(type.shape, value.item(), type.dtype))


@rule(ops.LogicalNot)
def opposite(op: ops.LogicalNot, node: Node, rewriter: Rewriter) -> Replacement:
    """not a == b is a != b. (Not so for a < b: both are false for NaN.)"""
    inner = made_by(node.inputs[0], *_OPPOSITE)
    return rewriter.add(_OPPOSITE[type(inner.op)], *inner.inputs) if inner else None


@rule(ops.Select)
def select_known(op: ops.Select, node: Node, rewriter: Rewriter) -> Replacement:
    """Replace a select whose condition is known, or whose branches are equal."""
    condition, a, b = node.inputs
    known = uniform(condition)
    if known is None and a is not b:
        return None
    return _shaped(rewriter, a if known or a is b else b)


@rule(ops.Select)
def select_not(op: ops.Select, node: Node, rewriter: Rewriter) -> Replacement:
    """select(not c, a, b) is select(c, b, a)."""
    condition, a, b = node.inputs
    inner = made_by(condition, ops.LogicalNot)
    return rewriter.add(ops.Select(), inner.inputs[0], b, a) if inner else None


def _shaped(rewriter: Rewriter, value: Value) -> Value:
    """Bring a value to the shape of the result that it replaces."""
    wanted = rewriter.node.output.type
    return value if value.type == wanted else rewriter.add(ops.BroadcastTo(wanted.shape), value)


def _bits(dtype: DType) -> int:
    return int(dtype.value[1:])


def _signed(dtype: DType) -> bool:
    return dtype.value[0] == "i"


PASS = RulePass("choices", (cast_to_the_same, cast_of_cast, cast_of_full, opposite, select_known, select_not))
