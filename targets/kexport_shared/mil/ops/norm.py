"""Normalizations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray


def batch_norm(
    x: Array,
    mean: Array,
    variance: Array,
    gamma: Array | None = None,
    beta: Array | None = None,
    epsilon: Array | float = 1e-5,
) -> Array:
    """x normalized by given statistics of every channel."""
    column = (-1, *(1,) * (x.ndim - 2))
    result = (x - mean.reshape(column)) / np.sqrt(variance.reshape(column) + epsilon)
    return _affine(result, gamma, beta, column)


def instance_norm(
    x: Array, gamma: Array | None = None, beta: Array | None = None, epsilon: Array | float = 1e-5
) -> Array:
    """x normalized over its spatial axes."""
    result = _standard(x, tuple(range(2, x.ndim)), epsilon)
    return _affine(result, gamma, beta, (-1, *(1,) * (x.ndim - 2)))


def layer_norm(
    x: Array,
    axes: Array | None = None,
    gamma: Array | None = None,
    beta: Array | None = None,
    epsilon: Array | float = 1e-5,
) -> Array:
    """x normalized over the given axes (all of them by default), whose sizes gamma and beta have."""
    chosen = {int(a) % x.ndim for a in (range(x.ndim) if axes is None else axes)}
    shape = tuple(s if i in chosen else 1 for i, s in enumerate(x.shape))
    return _affine(_standard(x, tuple(sorted(chosen)), epsilon), gamma, beta, shape)


def l2_norm(x: Array, epsilon: Array | float = 1e-6) -> Array:
    """x divided by the norm over its last three axes."""
    return x / np.sqrt(np.sum(np.square(x), axis=(-3, -2, -1), keepdims=True) + epsilon)


def local_response_norm(
    x: Array,
    size: Array | int,
    alpha: Array | float = 1e-4,
    beta: Array | float = 0.75,
    k: Array | float = 1.0,
) -> Array:
    """x divided by a power of the mean square of neighbouring channels."""
    count = int(size)
    channels = x.shape[1]
    before = count // 2
    squares = np.pad(np.square(x), ((0, 0), (before, count - 1 - before), *((0, 0),) * (x.ndim - 2)))
    near: Any = 0
    for shift in range(count):
        near = near + squares[:, shift : shift + channels]
    return x / (k + alpha / count * near) ** beta


def _standard(x: Array, axes: tuple[int, ...], epsilon: Array | float) -> Array:
    centred = x - np.mean(x, axis=axes, keepdims=True)
    return centred / np.sqrt(np.mean(np.square(centred), axis=axes, keepdims=True) + epsilon)


def _affine(x: Array, gamma: Array | None, beta: Array | None, shape: tuple[int, ...]) -> Array:
    x = x if gamma is None else x * gamma.reshape(shape)
    return x if beta is None else x + beta.reshape(shape)


OPERATIONS: dict[str, Callable[..., Any]] = {
    "batch_norm": batch_norm,
    "instance_norm": instance_norm,
    "layer_norm": layer_norm,
    "l2_norm": l2_norm,
    "local_response_norm": local_response_norm,
}
