"""Operations that make tensors or mask them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray


def fill(shape: Array, value: Array | float = 0.0) -> Array:
    """One value in every place."""
    return np.full([int(s) for s in shape], value)


def fill_like(ref_tensor: Array, value: Array | float = 0.0) -> Array:
    """One value in every place of another tensor's shape."""
    return np.full(ref_tensor.shape, value)


def range_1d(start: Array, end: Array, step: Array) -> Array:
    """Evenly spaced values up to, not including, the end."""
    return np.arange(start.item(), end.item(), step.item()).astype(start.dtype)


def band_part(x: Array, lower: Array | int = -1, upper: Array | int = -1) -> Array:
    """x with zeros outside a band around the diagonal; a negative width keeps everything."""
    row, column = np.indices(x.shape[-2:])
    below = (int(lower) < 0) | (row - column <= int(lower))
    above = (int(upper) < 0) | (column - row <= int(upper))
    return np.where(below & above, x, np.zeros((), x.dtype))


def one_hot(
    indices: Array,
    one_hot_vector_size: Array,
    axis: Array | int = -1,
    on_value: Array | int = 1,
    off_value: Array | int = 0,
) -> Array:
    """A new axis that marks the place each index names; an index out of range marks nothing."""
    axis = int(axis)
    place = axis if axis >= 0 else axis + indices.ndim + 1
    shape = [1] * (indices.ndim + 1)
    shape[place] = -1
    classes = np.arange(int(one_hot_vector_size)).reshape(shape)
    return np.where(np.expand_dims(indices, place) == classes, on_value, off_value)


OPERATIONS: dict[str, Callable[..., Any]] = {
    "const": lambda val: val,
    "fill": fill,
    "fill_like": fill_like,
    "range_1d": range_1d,
    "band_part": band_part,
    "one_hot": one_hot,
    "shape": lambda x: np.array(x.shape, np.int32),
    "non_zero": lambda x: np.argwhere(x),
}
