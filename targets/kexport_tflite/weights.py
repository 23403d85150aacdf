"""Finds constants that can be stored in a narrower type, behind a cast that LiteRT undoes on loading."""

from __future__ import annotations

import numpy as np

from kexport import ops
from kexport.ir.graph import Value
from kexport.ir.op import Array
from kexport.ir.types import DType
from kexport.rewrite.grids import dequantized
from kexport.rewrite.narrow import narrow_constant

HALF_MIN = 1024
"""Constants with fewer elements stay in float32: they save nothing, and scales and epsilons need the range."""


def half_constant(value: Value) -> Value | None:
    """The float16 constant that `value` is the float32 cast of."""
    node = value.producer
    if node is None or not isinstance(node.op, ops.Cast) or node.op.dtype is not DType.F32:
        return None
    source = node.inputs[0]
    return source if source.data is not None and source.type.dtype is DType.F16 else None


def stored_integers(value: Value) -> Value | None:
    """The constant of integers of up to 8 bits that `value` is the float32 cast of."""
    return narrow_constant(value) if value.type.dtype is DType.F32 else None


def weights_of(value: Value) -> Array | None:
    """The data of a constant, in the narrower type that it may be stored in; None for what is computed."""
    source = half_constant(value) or stored_integers(value) or dequantized(value) or value
    return source.data


def packed(array: Array) -> Array:
    """Integers of 4 bits, two in a byte, the first in the low half."""
    flat = np.ascontiguousarray(array).reshape(-1).astype(np.int8).view(np.uint8) & 0xF
    low = flat[0::2]
    high = np.zeros((flat.size + 1) // 2, np.uint8)
    high[: flat.size // 2] = flat[1::2]
    return low | high << 4
