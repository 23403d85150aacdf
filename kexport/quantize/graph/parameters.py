"""Chooses grids: the scale and zero point by which integers stand for real numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kexport.ir.op import Array
from kexport.ir.types import DType
from kexport.ops.quantize import bounds

_TINY = float(np.finfo(np.float32).tiny)
_SHRINKS = np.linspace(1.0, 0.6, 41)
"""Parts of the greatest magnitude that are tried as the end of a channel's range."""


@dataclass(frozen=True, eq=False)
class Parameters:
    """Integers of `dtype` stand for `(integer - zero_point) * scale`; one of each, or one a place along `axis`."""

    dtype: DType
    scale: Array
    zero_point: Array
    axis: int | None = None

    def same(self, other: Parameters) -> bool:
        """Whether an integer stands for the same number."""
        return (
            self.dtype is other.dtype
            and np.array_equal(self.scale, other.scale)
            and np.array_equal(self.zero_point, other.zero_point)
        )


def for_range(low: float, high: float, dtype: DType, symmetric: bool = False) -> Parameters:
    """The grid whose integers reach from `low` to `high` and have 0 among them.

    Args:
        low: at most 0.
        high: at least 0.
        dtype: the integers.
        symmetric: put 0 at integer 0, as 16-bit kernels of TF Lite want it.
    """
    least, most = bounds(dtype)
    if symmetric:
        scale = np.float32(max(max(-low, high) / most, _TINY))
        return Parameters(dtype, np.asarray(scale), np.zeros((), dtype.numpy))
    scale = np.float32(max((high - low) / (most - least), _TINY))
    zero = np.clip(np.rint(least - low / float(scale)), least, most)
    return Parameters(dtype, np.asarray(scale), np.asarray(zero, dtype.numpy))


def unit(dtype: DType) -> Parameters:
    """The grid of what lies between 0 and 1 in every integer engine: 1/256 and the least integer for 8 bits."""
    least, most = bounds(dtype)
    if dtype is DType.I16:
        return Parameters(dtype, np.asarray(np.float32(2.0**-15)), np.zeros((), dtype.numpy))
    return Parameters(dtype, np.asarray(np.float32(1 / (most - least + 1))), np.asarray(least, dtype.numpy))


def signed_unit(dtype: DType) -> Parameters:
    """The grid of what lies between -1 and 1 in every integer engine: 1/128 and the middle for 8 bits."""
    least, most = bounds(dtype)
    steps = (most - least + 1) // 2
    return Parameters(dtype, np.asarray(np.float32(1 / steps)), np.asarray(least + steps, dtype.numpy))


def for_weights(data: Array, dtype: DType, axis: int | None, rule: str = "mse") -> tuple[Array, Parameters]:
    """Weights as symmetric integers without the least one, and their grid.

    Args:
        data: the weights.
        dtype: a signed type.
        axis: channels with a scale each; None for one scale.
        rule: `minmax` lets the greatest magnitude fit; `mse` tries smaller ends and takes the least squared error.
    """
    _, most = bounds(dtype)
    rows = data.astype(np.float64)
    rows = rows.reshape(1, -1) if axis is None else np.moveaxis(rows, axis, 0).reshape(data.shape[axis], -1)
    top = np.abs(rows).max(axis=1, initial=0.0)
    scale = _least_error(rows, top, most) if rule == "mse" else top / most
    scale = np.maximum(scale, _TINY).astype(np.float32)
    integers = np.clip(np.rint(rows / scale[:, None].astype(np.float64)), -most, most)
    if axis is None:
        shape = (*data.shape,)
        found = integers.reshape(shape)
        return found.astype(dtype.numpy), Parameters(dtype, scale[0], np.zeros((), dtype.numpy))
    others = tuple(s for i, s in enumerate(data.shape) if i != axis)
    found = np.moveaxis(integers.reshape(data.shape[axis], *others), 0, axis)
    zeros = np.zeros(scale.shape, dtype.numpy)
    return np.ascontiguousarray(found).astype(dtype.numpy), Parameters(dtype, scale, zeros, axis)


def _least_error(rows: Array, top: Array, most: int) -> Array:
    best = np.full(len(rows), np.inf)
    scale = top / most
    for shrink in _SHRINKS:
        tried = np.maximum(top * shrink / most, _TINY)
        rounded = np.clip(np.rint(rows / tried[:, None]), -most, most) * tried[:, None]
        error = np.square(rounded - rows).sum(axis=1)
        scale = np.where(error < best, tried, scale)
        best = np.minimum(error, best)
    return scale


def for_bias(data: Array, input_scale: Array, weights: Parameters) -> tuple[Array, Parameters] | None:
    """A bias as int32 on the grid of the products; None where a number does not fit."""
    scale = (input_scale.astype(np.float32) * weights.scale.astype(np.float32)).astype(np.float32)
    scale = np.broadcast_to(scale, data.shape) if weights.axis is not None else scale
    if not np.all(scale >= _TINY):
        return None
    integers = np.rint(data.astype(np.float64) / scale.astype(np.float64))
    low, high = bounds(DType.I32)
    if integers.size and (integers.min() < low or integers.max() > high):
        return None
    axis = None if weights.axis is None else 0
    return integers.astype(np.int32), Parameters(DType.I32, np.asarray(scale), np.zeros(scale.shape, np.int32), axis)
