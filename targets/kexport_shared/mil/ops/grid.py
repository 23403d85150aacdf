"""Where a resized axis takes its samples from, by the published sampling modes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kexport.errors import VerifyError

Array = np.ndarray
# each mode gives positions over an interval of `span` = its last place minus its first, for `count` samples
Positions = Callable[[float, int], Array]


def _strict(span: float, count: int) -> Array:
    return np.arange(count) * (span / max(count - 1, 1))


def _aligned(span: float, count: int) -> Array:
    return np.array([span / 2]) if count == 1 else _strict(span, count)


def _default(span: float, count: int) -> Array:
    return np.arange(count) * ((span + 1) / count)


def _offset(span: float, count: int) -> Array:
    step = max(1.0, span) / count
    return (np.arange(count) + 0.5) * step


def _unaligned(span: float, count: int) -> Array:
    return (np.arange(count) + 0.5) * ((span + 1) / count) - 0.5


SAMPLING: dict[str, Positions] = {
    "STRICT_ALIGN_CORNERS": _strict,
    "ALIGN_CORNERS": _aligned,
    "DEFAULT": _default,
    "OFFSET_CORNERS": _offset,
    "UNALIGN_CORNERS": _unaligned,
}


def positions(mode: str, span: float, count: int) -> Array:
    """The places of `count` samples over an interval, not held within it."""
    if mode not in SAMPLING:
        raise VerifyError(f"there is no sampling mode {mode}")
    return SAMPLING[mode](span, count)


def linear(x: Array, axis: int, places: Array) -> Array:
    """x read between its elements along an axis; places beyond the ends read the ends."""
    size = x.shape[axis]
    held = np.clip(places, 0, size - 1)
    low = np.floor(held).astype(np.int64)
    high = np.minimum(low + 1, size - 1)
    shape = [1] * x.ndim
    shape[axis] = -1
    part = (held - low).reshape(shape).astype(x.dtype if x.dtype.kind == "f" else np.float64)
    return np.take(x, low, axis=axis) * (1 - part) + np.take(x, high, axis=axis) * part


def nearest(x: Array, axis: int, places: Array) -> Array:
    """x read at whole places along an axis, held within it."""
    return np.take(x, np.clip(places.astype(np.int64), 0, x.shape[axis] - 1), axis=axis)
