"""What is known about the values of an integer tensor without running the model."""

from __future__ import annotations

import math

import numpy as np

from kexport import ops
from kexport.ir.graph import Value

_MOVES = (
    ops.Reshape, ops.Transpose, ops.Slice, ops.BroadcastTo, ops.Tile, ops.Reverse, ops.Concat, ops.Split, ops.Cast,
    ops.Maximum, ops.Minimum, ops.Add, ops.Mul, ops.FloorDiv, ops.Mod, ops.ReduceMax, ops.ReduceMin, ops.ReduceSum,
    ops.CumSum,
)  # fmt: skip
"""Ops whose result is never negative if no operand is (apart from wrap-around)."""
_ALWAYS = (ops.Dims, ops.ArgMax, ops.ArgMin, ops.OneHot, ops.Abs, ops.Square)
_DEPTH = 12


def is_nonnegative(value: Value, depth: int = _DEPTH) -> bool:
    """Whether no element of an integer tensor can be negative. False if that is not known."""
    if value.data is not None:
        return value.data.dtype.kind in "iub" and bool(np.all(value.data >= 0))
    if value.type.dtype.value[0] in "ub":
        return True
    if value.producer is None or not depth:
        return False
    inputs = value.producer.inputs
    match value.producer.op:
        case ops.Iota(start=start, step=step):
            return start >= 0 and step >= 0
        case ops.Full(value=number):
            return number >= 0
        case ops.TopK():
            return value.index == 1
        case ops.Clip(low=low):
            return low is not None and low >= 0
        case ops.Maximum():
            return any(is_nonnegative(v, depth - 1) for v in inputs)
        case ops.Gather():
            return is_nonnegative(inputs[0], depth - 1)
        case ops.Select():
            return all(is_nonnegative(v, depth - 1) for v in inputs[1:])
        case op if isinstance(op, _ALWAYS):
            return True
        case ops.Cast() if not (inputs[0].type.dtype.is_int or inputs[0].type.dtype.value == "bool"):
            return False
        case op if isinstance(op, _MOVES):
            return all(is_nonnegative(v, depth - 1) for v in inputs)
    return False


def lower_bound(value: Value) -> float:
    """A number that no element of an integer tensor is below."""
    if value.data is not None:
        return float(value.data.min()) if value.data.size else -math.inf
    if value.producer is not None and isinstance(value.producer.op, ops.Maximum):
        return max(lower_bound(v) for v in value.producer.inputs)
    return 0 if is_nonnegative(value) else -math.inf
