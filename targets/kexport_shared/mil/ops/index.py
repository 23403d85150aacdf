"""Reading and writing at places given by index tensors.

Up to iOS 16 a negative index counts from the end; since iOS 17 it is out of range. What an index out of range does is
undefined on a device, so the evaluator refuses it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kexport.errors import VerifyError
from kexport_shared.mil.context import IOS17, Context

Array = np.ndarray


def _places(context: Context, indices: Array, size: Any) -> Array:
    """Indices as non-negative integers below `size`."""
    low = 0 if context.opset >= IOS17 else -np.asarray(size)
    whole = indices.astype(np.int64)
    if np.any(whole < low) or np.any(whole >= size):
        raise VerifyError(f"an index lies outside [{np.min(low)}, {np.min(size)})")
    return np.where(whole < 0, whole + size, whole)


def gather(
    context: Context,
    x: Array,
    indices: Array,
    axis: Array | int = 0,
    batch_dims: Array | int = 0,
    validate_indices: Array | bool = False,
) -> Array:
    """Slices of x along an axis, for every batch by its own indices."""
    axis = int(axis) % x.ndim
    batch = int(batch_dims)
    places = _places(context, indices, x.shape[axis])
    if not batch:
        return np.take(x, places, axis=axis)
    lead = x.shape[:batch]
    flat = x.reshape(-1, *x.shape[batch:])
    rows = places.reshape(-1, *places.shape[batch:])
    parts = [np.take(one, row, axis=axis - batch) for one, row in zip(flat, rows, strict=True)]
    return np.stack(parts).reshape(*lead, *parts[0].shape)


def gather_along_axis(
    context: Context, x: Array, indices: Array, axis: Array | int = 0, validate_indices: Array | bool = False
) -> Array:
    """One element of x for every index, at the index's own place in the other axes."""
    axis = int(axis) % x.ndim
    return np.take_along_axis(x, _places(context, indices, x.shape[axis]), axis=axis)


def gather_nd(
    context: Context, x: Array, indices: Array, batch_dims: Array | int = 0, validate_indices: Array | bool = False
) -> Array:
    """Slices of x at the coordinates in the last axis of indices."""
    batch = int(batch_dims)
    depth = indices.shape[-1]
    places = _places(context, indices, np.array(x.shape[batch : batch + depth]))
    if not batch:
        return x[_coordinates(places)]
    lead = x.shape[:batch]
    flat = x.reshape(-1, *x.shape[batch:])
    rows = places.reshape(-1, *places.shape[batch:])
    parts = [one[_coordinates(row)] for one, row in zip(flat, rows, strict=True)]
    return np.stack(parts).reshape(*lead, *parts[0].shape)


def _coordinates(places: Array) -> tuple[Array, ...]:
    return tuple(np.moveaxis(places, -1, 0))


COMBINE: dict[str, np.ufunc] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.true_divide,
    "max": np.maximum,
    "min": np.minimum,
}


def _write(data: Array, where: tuple[Any, ...], updates: Array, mode: str) -> Array:
    wide = data.astype(np.float64) if mode == "div" and data.dtype.kind in "iu" else np.array(data)
    if mode == "update":
        wide[where] = updates
    elif mode in COMBINE:
        COMBINE[mode].at(wide, where, updates)
    else:
        raise VerifyError(f"there is no scatter mode {mode}")
    return wide.astype(data.dtype)


def scatter(
    context: Context,
    data: Array,
    indices: Array,
    updates: Array,
    axis: Array | int = 0,
    mode: str = "add",
    validate_indices: Array | bool = False,
) -> Array:
    """data with slices along an axis combined with updates."""
    axis = int(axis) % data.ndim
    places = _places(context, indices, data.shape[axis])
    return _write(data, (slice(None),) * axis + (places,), updates, mode)


def scatter_along_axis(
    context: Context,
    data: Array,
    indices: Array,
    updates: Array,
    axis: Array | int = 0,
    mode: str = "add",
    validate_indices: Array | bool = False,
) -> Array:
    """data with one element for every index combined, at the index's own place in the other axes."""
    axis = int(axis) % data.ndim
    places = _places(context, indices, data.shape[axis])
    where = tuple(places if i == axis else own for i, own in enumerate(np.indices(indices.shape)))
    return _write(data, where, updates, mode)


def scatter_nd(
    context: Context,
    data: Array,
    indices: Array,
    updates: Array,
    mode: str = "add",
    validate_indices: Array | bool = False,
) -> Array:
    """data with slices at the coordinates in the last axis of indices combined with updates."""
    places = _places(context, indices, np.array(data.shape[: indices.shape[-1]]))
    return _write(data, _coordinates(places), updates, mode)


CONTEXTUAL: dict[str, Callable[..., Any]] = {
    "gather": gather,
    "gather_along_axis": gather_along_axis,
    "gather_nd": gather_nd,
    "scatter": scatter,
    "scatter_along_axis": scatter_along_axis,
    "scatter_nd": scatter_nd,
}
