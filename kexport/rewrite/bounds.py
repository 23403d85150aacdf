"""What is known about the values of a tensor without running the model: numbers that no element is below.

One walk up the graph serves rules and capture alike; what an op does to bounds stands in its traits.
"""

from __future__ import annotations

import math

import numpy as np

from kexport import ops
from kexport.ir.graph import Node, Value
from kexport.ir.op import Array
from kexport.ir.traits import Keeps
from kexport.ir.types import DType

_MOST_FLOATS = 1 << 16
"""Larger constants of floats, the weights, are not looked through."""
_NARROW = (DType.I4, DType.I8, DType.I16)
_DEPTH = 12


def nonnegative(value: Value) -> bool:
    """Whether every element is known to be at least 0 (or NaN); integers that wrap around aside."""
    return lower_bound(value) >= 0


def lower_bound(value: Value) -> float:
    """A number that no element is below, minus infinity where none is known; NaN is below nothing."""
    return _bound(value, {}, _DEPTH)


def _bound(value: Value, known: dict[Value, float], depth: int) -> float:
    if value.data is not None:
        return _least(value.data)
    kind = value.type.dtype.value[0]
    floor = 0.0 if kind == "u" or value.type.dtype is DType.BOOL else -math.inf
    if value.producer is None or not depth or kind in "cs":
        return floor
    if value not in known:
        known[value] = max(_made(value, value.producer, known, depth - 1), floor)
    return known[value]


def _least(data: Array) -> float:
    if data.dtype.kind not in "fiub" or (data.dtype.kind == "f" and data.size > _MOST_FLOATS):
        return -math.inf
    least = float(data.min()) if data.size else math.inf
    return -math.inf if np.isnan(least) else least


def _made(value: Value, node: Node, known: dict[Value, float], depth: int) -> float:
    """The bound of a result: of what goes in as far as the op keeps it, cut to the range of the op."""
    facts = node.op.facts()
    match node.op:
        case ops.TopK() if value.index == 1:
            return 0.0
        case ops.Maximum():
            return max(_bound(v, known, depth) for v in node.inputs)
        case ops.Cast() if not _holds(node.inputs[0].type.dtype, value.type.dtype):
            return -math.inf
        case ops.FloorDiv() if value.type.dtype.is_float:  # by -0.0 it is minus infinity
            return -math.inf
        case _:
            pass
    low, high = facts.range
    if facts.keeps is Keeps.NOTHING:
        return low
    operands = node.inputs if facts.data is None else [node.inputs[i] for i in facts.data]
    least = math.inf if facts.fill is None else facts.fill
    for operand in operands:
        least = min(least, _bound(operand, known, depth))
        if least == -math.inf or (least < 0 and facts.keeps is Keeps.SIGN):
            return low
    return max(low, min(high, 0.0 if facts.keeps is Keeps.SIGN else least))


def _holds(old: DType, new: DType) -> bool:
    """Whether a cast makes nothing negative of what is not: no integer of infinity, none that wraps around soon."""
    if new.is_float:
        return True
    return not old.is_float and (new not in _NARROW or old in (new, DType.BOOL))
