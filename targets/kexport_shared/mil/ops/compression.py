"""Compressed constants, and quantization at run time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kexport.errors import VerifyError
from kexport_shared.mil.dtypes import dtype_named

Array = np.ndarray


def _along(values: Array, rank: int, axis: Array | None) -> Array:
    """A scalar, or a vector laid along an axis."""
    if values.ndim == 0 or axis is None:
        return values
    shape = [1] * rank
    shape[int(axis)] = -1
    return values.reshape(shape)


def _dequantized(data: Array, scale: Array, offset: Array | None) -> Array:
    shift = 0 if offset is None else offset.astype(scale.dtype)
    return scale * (data.astype(scale.dtype) - shift)


def affine_dequantize(quantized_data: Array, zero_point: Array, scale: Array, axis: Array) -> Array:
    """scale * (data - zero_point), with one of each, or one for every place along an axis."""
    rank = quantized_data.ndim
    return _dequantized(quantized_data, _along(scale, rank, axis), _along(zero_point, rank, axis))


def dequantize(input: Array, scale: Array, zero_point: Array | None = None, axis: Array | None = None) -> Array:
    """The run-time form of the same."""
    zero = np.zeros((), np.int8) if zero_point is None else zero_point
    return _dequantized(input, _along(scale, input.ndim, axis), _along(zero, input.ndim, axis))


def quantize(
    input: Array, scale: Array, output_dtype: str, zero_point: Array | None = None, axis: Array | None = None
) -> Array:
    """round(input / scale) + zero_point, held within the type."""
    zero = 0 if zero_point is None else _along(zero_point, input.ndim, axis).astype(np.int64)
    limits = np.iinfo(dtype_named(output_dtype).holder)
    steps = np.rint(input / _along(scale, input.ndim, axis)) + zero
    return np.clip(steps, limits.min, limits.max)


def _grown(values: Array, shape: tuple[int, ...]) -> Array:
    """Block values repeated over the blocks they stand for."""
    if values.ndim != len(shape) or any(s % v for s, v in zip(shape, values.shape, strict=True)):
        raise VerifyError(f"blocks {values.shape} do not divide data {shape}")
    for axis, size in enumerate(shape):
        values = np.repeat(values, size // values.shape[axis], axis=axis)
    return values


def blockwise_shift_scale(data: Array, scale: Array, offset: Array | None = None) -> Array:
    """scale * (data - offset), with one of each for every block."""
    shift = None if offset is None else _grown(offset, data.shape)
    return _dequantized(data, _grown(scale, data.shape), shift)


def _looked_up(indices: Array, lut: Array, vector_axis: Array | None) -> Array:
    """Every index replaced by its table's entry, which may be a vector laid along an axis."""
    tables = lut
    for axis, size in enumerate(indices.shape):
        tables = np.repeat(tables, size // lut.shape[axis], axis=axis)
    place = indices.astype(np.int64)[..., None, None]
    entries = np.take_along_axis(tables, np.broadcast_to(place, (*indices.shape, 1, lut.shape[-1])), axis=-2)[..., 0, :]
    if vector_axis is None or lut.shape[-1] == 1:
        return entries[..., 0]
    axis = int(vector_axis) % indices.ndim
    shape = list(indices.shape)
    shape[axis] *= lut.shape[-1]
    return np.moveaxis(entries, -1, axis + 1).reshape(shape)


def _bits(packed: Array, width: int, shape: tuple[int, ...]) -> Array:
    count = int(np.prod(shape, dtype=np.int64))
    bits = np.unpackbits(packed, bitorder="little")[: count * width].reshape(count, width)
    return (bits << np.arange(width, dtype=np.uint8)).sum(axis=1, dtype=np.uint8).reshape(shape)


def lut_to_dense(indices: Array, lut: Array, shape: Array | None = None, vector_axis: Array | None = None) -> Array:
    """Indices into a table; with `shape` (before iOS 18) they come packed, since then the table has two more axes."""
    if shape is None:
        return _looked_up(indices, lut, vector_axis)
    width = int(lut.size).bit_length() - 1
    return lut[_bits(indices, width, tuple(int(s) for s in shape))]


def _scattered(data: Array, mask: Array) -> Array:
    result = np.zeros(mask.shape, data.dtype)
    result[mask != 0] = data
    return result


def sparse_to_dense(nonzero_data: Array, mask: Array, shape: Array | None = None) -> Array:
    """Values at the places a bit mask marks, zero elsewhere; with `shape` (before iOS 18) the mask comes packed."""
    return _scattered(nonzero_data, mask if shape is None else _bits(mask, 1, tuple(int(s) for s in shape)))


def lut_to_sparse(
    indices_mask: Array, indices_nonzero_data: Array, lut: Array, vector_axis: Array | None = None
) -> tuple[Array, Array]:
    """The mask and the values of a sparse tensor of indices into a table."""
    dense = _looked_up(_scattered(indices_nonzero_data, indices_mask), lut, vector_axis)
    vector = 1 if vector_axis is None else lut.shape[-1]
    mask = indices_mask if vector == 1 else np.repeat(indices_mask, vector, axis=int(vector_axis))  # type: ignore[arg-type]
    return mask, dense[mask != 0]


def sparse_blockwise_shift_scale(
    data_mask: Array, nonzero_data: Array, scale: Array, offset: Array | None = None
) -> tuple[Array, Array]:
    """The mask and the scaled values of a sparse tensor."""
    dense = blockwise_shift_scale(_scattered(nonzero_data, data_mask), scale, offset)
    return data_mask, dense[data_mask != 0]


OPERATIONS: dict[str, Callable[..., Any]] = {
    "quantize": quantize,
    "dequantize": dequantize,
    "constexpr_affine_dequantize": affine_dequantize,
    "constexpr_blockwise_shift_scale": blockwise_shift_scale,
    "constexpr_cast": lambda source_val, output_dtype: source_val,
    "constexpr_lut_to_dense": lut_to_dense,
    "constexpr_lut_to_sparse": lut_to_sparse,
    "constexpr_sparse_to_dense": sparse_to_dense,
    "constexpr_sparse_blockwise_shift_scale": sparse_blockwise_shift_scale,
}
