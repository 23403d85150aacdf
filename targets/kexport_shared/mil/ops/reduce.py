"""Reductions, cumulative sums and orderings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray
Axes = tuple[int, ...]


def _log_sum_exp(x: Array, axes: Axes) -> Array:
    top = np.max(x, axis=axes, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    return np.log(np.sum(np.exp(x - top), axis=axes, keepdims=True)) + top


REDUCTIONS: dict[str, Callable[[Array, Axes], Array]] = {
    "reduce_sum": lambda x, axes: np.sum(x, axis=axes, keepdims=True),
    "reduce_mean": lambda x, axes: np.mean(x, axis=axes, keepdims=True),
    "reduce_max": lambda x, axes: np.max(x, axis=axes, keepdims=True),
    "reduce_min": lambda x, axes: np.min(x, axis=axes, keepdims=True),
    "reduce_prod": lambda x, axes: np.prod(x, axis=axes, keepdims=True),
    "reduce_l1_norm": lambda x, axes: np.sum(np.abs(x), axis=axes, keepdims=True),
    "reduce_l2_norm": lambda x, axes: np.sqrt(np.sum(np.square(x), axis=axes, keepdims=True)),
    "reduce_log_sum": lambda x, axes: np.log(np.sum(x, axis=axes, keepdims=True)),
    "reduce_log_sum_exp": _log_sum_exp,
    "reduce_sum_square": lambda x, axes: np.sum(np.square(x), axis=axes, keepdims=True),
}


def _reduction(function: Callable[[Array, Axes], Array]) -> Callable[..., Array]:
    def run(x: Array, axes: Array | None = None, keep_dims: Array | bool = False) -> Array:
        chosen = tuple(range(x.ndim)) if axes is None else tuple(int(a) for a in axes)
        result = function(x, chosen)
        return result if keep_dims else np.squeeze(result, axis=chosen)

    return run


def _position(function: Callable[..., Array]) -> Callable[..., Array]:
    def run(x: Array, axis: Array | int = -1, keep_dims: Array | bool = False, output_dtype: str = "int32") -> Array:
        return np.asarray(function(x, axis=int(axis), keepdims=bool(keep_dims)))

    return run


def cumsum(x: Array, axis: Array | int = 0, exclusive: Array | bool = False, reverse: Array | bool = False) -> Array:
    """The sum of everything up to a place, with or without the place itself, from either end."""
    axis = int(axis)
    data = np.flip(x, axis) if reverse else x
    total = np.cumsum(data, axis=axis, dtype=x.dtype)
    if exclusive:
        total = total - data
    return np.flip(total, axis) if reverse else total


def ordering(x: Array, axis: int, ascending: bool) -> Array:
    """The stable order of the elements along an axis."""
    if ascending:
        return np.argsort(x, axis=axis, kind="stable")
    backwards = np.argsort(np.flip(x, axis), axis=axis, kind="stable")
    return x.shape[axis] - 1 - np.flip(backwards, axis)


def argsort(x: Array, axis: Array | int = -1, ascending: Array | bool = False) -> Array:
    """The places of the sorted elements."""
    return ordering(x, int(axis), bool(ascending))


def topk(
    x: Array,
    k: Array | int = 1,
    axis: Array | int = -1,
    ascending: Array | bool = False,
    sort: Array | bool = True,
    return_indices: Array | bool = True,
    output_indices_dtype: str = "int32",
) -> Any:
    """The k largest (or smallest) elements along an axis, sorted, and their places."""
    axis = int(axis)
    count = int(k)
    order = ordering(x, axis, bool(ascending))
    places = np.take(order, np.arange(x.shape[axis] if count == -1 else count), axis=axis)
    values = np.take_along_axis(x, places, axis=axis)
    return (values, places) if return_indices else values


OPERATIONS: dict[str, Callable[..., Any]] = {
    **{name: _reduction(f) for name, f in REDUCTIONS.items()},
    "reduce_argmax": _position(np.argmax),
    "reduce_argmin": _position(np.argmin),
    "cumsum": cumsum,
    "argsort": argsort,
    "topk": topk,
}
