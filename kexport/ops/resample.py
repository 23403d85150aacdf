"""Separable resampling in numpy, with half-pixel centres."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from kexport.ir.dim import Dim
from kexport.ir.op import Array


def _triangle(x: Array) -> Array:
    return np.maximum(0, 1 - np.abs(x))


def _keys_cubic(x: Array) -> Array:
    """R. Keys, "Cubic convolution interpolation for digital image processing", 1981, with a = -0.5."""
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def _lanczos(radius: int) -> Callable[[Array], Array]:
    """A sinc with a window of another sinc, `radius` wide on each side."""
    return lambda x: np.where(np.abs(x) < radius, np.sinc(x) * np.sinc(x / radius), 0)


_KERNELS: dict[str, Callable[[Array], Array]] = {
    "bilinear": _triangle,
    "bicubic": _keys_cubic,
    "lanczos3": _lanczos(3),
    "lanczos5": _lanczos(5),
}
METHODS = ("nearest", *_KERNELS)
"""The methods that `resize` knows."""


def resize(x: Array, size: tuple[int, int], method: str, antialias: bool) -> Array:
    """x[N, H, W, C] at another height and width."""
    for axis, out in zip((1, 2), size, strict=True):
        if method == "nearest":
            x = np.take(x, nearest_indices(x.shape[axis], out), axis=axis)
        elif x.shape[axis] != out:
            weights = resize_weights(x.shape[axis], out, method, antialias).astype(x.dtype)
            x = np.moveaxis(np.tensordot(weights, x, axes=(1, axis)), 0, axis)
    return x


def factor(size: Dim, out: Dim) -> int | None:
    """By which whole number a size grows; None if by no such number."""
    found = out // size
    return found if isinstance(found, int) and found * size == out else None


def grows(sizes: Sequence[Dim], outs: Sequence[Dim]) -> bool:
    """Whether every size grows by a whole number."""
    return all(factor(size, out) for size, out in zip(sizes, outs, strict=True))


def nearest_indices(size: int, out: int) -> Array:
    """The input position that each output position takes; in float32, which decides exact hits as TensorFlow does."""
    half = np.float32(0.5)
    scale = np.float32(size) / np.float32(out)
    positions = np.floor((np.arange(out, dtype=np.float32) + half) * scale)
    return np.minimum(positions.astype(np.int64), size - 1)


def resize_weights(size: int, out: int, method: str, antialias: bool) -> Array:
    """How much each input position counts for each output position: float64 [out, size], rows sum to 1.

    Positions outside the image have no weight, the others are scaled up to a sum of 1 (as in TensorFlow's
    scale_and_translate_op).
    """
    scale = size / out
    width = max(scale, 1.0) if antialias else 1.0
    centres = (np.arange(out) + 0.5) * scale - 0.5
    weights = _KERNELS[method]((np.arange(size) - centres[:, None]) / width)
    return weights / weights.sum(axis=1, keepdims=True)
