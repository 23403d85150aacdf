"""Between real numbers and the integers of few bits that stand for them.

An integer q stands for `(q - zero_point) * scale`. Both are one number for a whole tensor, one for each place along
`axis`, or one for each `block` places along it. That is what ONNX's QuantizeLinear and DequantizeLinear mean, TF Lite's
int8 tensors and Core ML's quantize, dequantize and constexpr_blockwise_shift_scale.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kexport.errors import GraphError
from kexport.ir.op import Array, Op
from kexport.ir.traits import Traits, Work
from kexport.ir.types import DType, TensorType
from kexport.ops import check

INTEGERS = (DType.I4, DType.U4, DType.I8, DType.U8, DType.I16, DType.U16, DType.I32)
"""The element types that numbers are quantized to."""
_BITS = {DType.I4: 4, DType.U4: 4}


def bounds(dtype: DType) -> tuple[int, int]:
    """The least and the greatest integer of a type."""
    bits = _BITS.get(dtype, 8 * dtype.numpy.itemsize)
    return (0, 2**bits - 1) if dtype.value.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


@dataclass(frozen=True)
class Quantize(Op):
    """round(x / scale) + zero_point within the integers of `dtype`; halves round to even."""

    traits = Traits(Work.ROUNDS, data=(0,), steps=True)

    dtype: DType
    axis: int | None = None
    block: int | None = None

    def infer(self, x: TensorType, scale: TensorType, zero_point: TensorType) -> TensorType:
        check.kind("floating-point", x)
        _check_grid(x, self.dtype, scale, zero_point, self.axis, self.block)
        return x.with_dtype(self.dtype)

    def evaluate(self, x: Array, scale: Array, zero_point: Array) -> Array:
        low, high = bounds(self.dtype)
        steps, zeros = (spread(p, x.shape, self.axis, self.block) for p in (scale, zero_point))
        with np.errstate(all="ignore"):
            found = np.rint(x.astype(np.float64) / steps) + zeros
            return np.nan_to_num(np.clip(found, low, high)).astype(self.dtype.numpy)


@dataclass(frozen=True)
class Dequantize(Op):
    """(q - zero_point) * scale, in the element type of the scale."""

    traits = Traits(Work.ROUNDS, data=(0,))

    axis: int | None = None
    block: int | None = None

    def infer(self, q: TensorType, scale: TensorType, zero_point: TensorType) -> TensorType:
        _check_grid(q, q.dtype, scale, zero_point, self.axis, self.block)
        return q.with_dtype(scale.dtype)

    def evaluate(self, q: Array, scale: Array, zero_point: Array) -> Array:
        steps, zeros = (spread(p, q.shape, self.axis, self.block) for p in (scale, zero_point))
        return np.asarray((q.astype(np.float64) - zeros) * steps).astype(scale.dtype)


def spread(parameter: Array, shape: tuple[int, ...], axis: int | None, block: int | None) -> Array:
    """Scales or zero points in a form that broadcasts against elements of this shape, in float64."""
    found = parameter.astype(np.float64)
    if axis is None:
        return found
    if block is not None:
        return np.repeat(found, block, axis)
    return place_of(found, len(shape), axis % len(shape))


def place_of(values: Array, rank: int, axis: int) -> Array:
    """Numbers along one axis, in a shape that broadcasts against tensors of this rank."""
    return values.reshape([-1 if i == axis else 1 for i in range(rank)])


def _check_grid(
    x: TensorType, dtype: DType, scale: TensorType, zero_point: TensorType, axis: int | None, block: int | None
) -> None:
    if dtype not in INTEGERS:
        raise GraphError(f"quantizes to {', '.join(map(str, INTEGERS))}, got {dtype}")
    check.kind("floating-point", scale)
    check.kind("integer", zero_point)
    if scale.shape != zero_point.shape:
        raise GraphError(f"needs a zero point for each scale, got {scale} and {zero_point}")
    wanted = _grid_shape(x, axis, block)
    if scale.shape != wanted:
        raise GraphError(f"needs scales of shape {check.show(wanted)}, got {scale}")


def _grid_shape(x: TensorType, axis: int | None, block: int | None) -> tuple[object, ...]:
    if axis is None:
        if block is not None:
            raise GraphError(f"blocks of {block} need an axis")
        return ()
    place = check.axis(axis, x.rank)
    size = x.shape[place]
    if block is None:
        return (size,)
    if not isinstance(size, int) or block < 1 or size % block:
        raise GraphError(f"an axis of size {size} is not made of blocks of {block}")
    return (*x.shape[:place], size // block, *x.shape[place + 1 :])
