"""Recognizes narrow integer constants (up to 8 bits) that are cast before use, and that must stay narrow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kexport import ops
from kexport.ir.graph import Value
from kexport.ir.op import Array, Op
from kexport.ir.types import DType

NARROW = (DType.I4, DType.U4, DType.I8, DType.U8)
MIN_NARROW = 256
"""The least number of elements for which a narrow constant saves anything."""


def is_narrow(value: Value) -> bool:
    """Return whether a value is a large constant of narrow integers: the weights of a quantized layer."""
    return value.data is not None and value.type.dtype in NARROW and value.data.size >= MIN_NARROW


def narrow_constant(value: Value) -> Value | None:
    """Return the large constant of narrow integers that `value` is a cast of."""
    node = value.producer
    if node is None or not isinstance(node.op, ops.Cast):
        return None
    return node.inputs[0] if is_narrow(node.inputs[0]) else None


def grows(op: Op, operands: Sequence[Value]) -> bool:
    """Return whether folding an op would enlarge a quantized weight or its scales."""
    match op:
        case ops.Cast(dtype=dtype):
            return dtype not in NARROW and is_narrow(operands[0])
        case ops.Dequantize():
            return True
        case ops.Gather():
            indices = operands[1].data
            return indices is not None and is_repeating(indices) and _result_size(operands) >= MIN_NARROW
        case _:
            return False


def is_repeating(indices: Array) -> bool:
    """Return whether indices are 0, 0, …, 1, 1, …: each block of rows has a row of its own."""
    if indices.ndim != 1 or indices.size < 2 or indices[0] != 0:
        return False
    steps = np.diff(indices)
    return bool((steps >= 0).all() and (steps <= 1).all() and indices[-1] + 1 <= indices.size // 2)


def run_length(indices: Array) -> int:
    """Return how often each index repeats if they are 0, 0, …, 1, 1, …, all equally often; else 0."""
    if indices.ndim != 1 or not indices.size:
        return 0
    groups = int(indices[-1]) + 1
    length = indices.size // groups if groups > 0 else 0
    regular = length > 0 and np.array_equal(indices, np.repeat(np.arange(groups), length))
    return length if regular else 0


def _result_size(operands: Sequence[Value]) -> int:
    data, indices = (v.data for v in operands)
    if data is None or indices is None or not data.size:
        return 0
    return data.size * indices.size // (int(indices[-1]) + 1)
