"""Pooling, channels first, in one to three spatial axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kexport_shared.mil.ops.window import Window, ints, padded, window

Array = np.ndarray


def _window(
    x: Array,
    kernel_sizes: Array,
    pad_type: str,
    strides: Array | None = None,
    pad: Array | None = None,
    ceil_mode: Array | bool = False,
) -> Window:
    rank = x.ndim - 2
    steps = ints(strides, rank, 1)
    around = ints(pad, 2 * rank, 0)
    return window(x.shape[2:], ints(kernel_sizes, rank, 1), steps, (1,) * rank, pad_type, around, bool(ceil_mode))


def max_pool(x: Array, **parameters: Any) -> Array:
    """The largest element of every window; padding is never the largest."""
    chosen = _window(x, **parameters)
    source = padded(x, chosen, -np.inf)
    return np.max([source[(slice(None), slice(None), *part)] for _, part in chosen.slices()], axis=0)


def _sum(x: Array, chosen: Window) -> Array:
    source = padded(x, chosen, 0)
    total: Any = 0
    for _, part in chosen.slices():
        total = total + source[(slice(None), slice(None), *part)]
    return total


def avg_pool(x: Array, exclude_padding_from_average: Array | bool = False, **parameters: Any) -> Array:
    """The mean of every window, with padding counted or not."""
    chosen = _window(x, **parameters)
    inside = np.ones((1, 1, *x.shape[2:]), x.dtype)
    if not exclude_padding_from_average:
        around = ((0, 0), (0, 0), *chosen.pads)
        inside = np.pad(inside, around, constant_values=1)
        chosen_inside = chosen._replace(pads=((0, 0),) * len(chosen.pads))
        return _sum(x, chosen) / _sum(inside, chosen_inside)
    return _sum(x, chosen) / _sum(inside, chosen)


def l2_pool(x: Array, **parameters: Any) -> Array:
    """The Euclidean norm of every window."""
    return np.sqrt(_sum(np.square(x), _window(x, **parameters)))


OPERATIONS: dict[str, Callable[..., Any]] = {"max_pool": max_pool, "avg_pool": avg_pool, "l2_pool": l2_pool}
