"""Constants that may be stored in float16: as they are, or behind a cast that LiteRT undoes when it loads them."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Value
from kexport.ir.op import Array
from kexport.ir.types import DType

HALF_MIN = 1024
"""Constants with fewer elements stay in float32: they save nothing, and scales and epsilons need the range."""


def half_constant(value: Value) -> Value | None:
    """The float16 constant that `value` is the float32 cast of."""
    node = value.producer
    if node is None or not isinstance(node.op, ops.Cast) or node.op.dtype is not DType.F32:
        return None
    source = node.inputs[0]
    return source if source.data is not None and source.type.dtype is DType.F16 else None


def weights_of(value: Value) -> Array | None:
    """The data of a constant, in float16 if it is stored so; None for what is computed."""
    source = half_constant(value) or value
    return source.data
