"""Slices, read and written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray
Index = tuple[Any, ...]


def _slices(
    rank: int,
    begin: Array,
    end: Array,
    stride: Array | None,
    begin_mask: Array | None,
    end_mask: Array | None,
    squeeze_mask: Array | None,
) -> Index:
    def said(mask: Array | None, axis: int) -> bool:
        return mask is not None and bool(mask[axis])

    parts: list[Any] = []
    for axis in range(rank):
        step = 1 if stride is None else int(stride[axis])
        if said(squeeze_mask, axis):
            parts.append(int(begin[axis]))
        else:
            first = None if said(begin_mask, axis) else int(begin[axis])
            parts.append(slice(first, None if said(end_mask, axis) else int(end[axis]), step))
    return tuple(parts)


def slice_by_index(
    x: Array,
    begin: Array,
    end: Array,
    stride: Array | None = None,
    begin_mask: Array | None = None,
    end_mask: Array | None = None,
    squeeze_mask: Array | None = None,
) -> Array:
    """x[begin:end:stride] on every axis; masks leave an end open or take one place and drop the axis."""
    return x[_slices(x.ndim, begin, end, stride, begin_mask, end_mask, squeeze_mask)]


def slice_by_size(x: Array, begin: Array, size: Array) -> Array:
    """`size` elements from `begin` on every axis; -1 takes the rest."""
    parts = []
    for length, first, count in zip(x.shape, begin, size, strict=True):
        start = int(first) + length if first < 0 else int(first)
        parts.append(slice(start, None if count == -1 else start + int(count)))
    return x[tuple(parts)]


def slice_update(
    x: Array,
    update: Array,
    begin: Array,
    end: Array,
    stride: Array | None = None,
    begin_mask: Array | None = None,
    end_mask: Array | None = None,
    squeeze_mask: Array | None = None,
) -> Array:
    """x with a slice replaced."""
    result = np.array(x)
    where = _slices(x.ndim, begin, end, stride, begin_mask, end_mask, squeeze_mask)
    result[where] = update.reshape(result[where].shape)
    return result


OPERATIONS: dict[str, Callable[..., Any]] = {
    "slice_by_index": slice_by_index,
    "slice_by_size": slice_by_size,
    "slice_update": slice_update,
}
