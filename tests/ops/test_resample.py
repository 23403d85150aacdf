"""Resampling against plain loops and against TensorFlow."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kexport.ops.resample import nearest_indices, resize, resize_weights
from tests.ops.expected import tensorflow

SIZES = [(1, 1), (1, 4), (2, 3), (5, 10), (7, 3), (9, 2), (10, 9)]


def cubic(t: float) -> float:
    """Keys' kernel with a = -0.5, from the polynomial of his paper."""
    t = abs(t)
    if t < 1:
        return 1.5 * t**3 - 2.5 * t**2 + 1
    return -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2 if t < 2 else 0.0


def sampled(row: list[float], out: int, radius: int, kernel: object) -> list[float]:
    """One row, each output from the `2 * radius` nearest inputs inside it."""
    result: list[float] = []
    for i in range(out):
        centre = (i + 0.5) * len(row) / out - 0.5
        first = math.floor(centre) - radius + 1
        near = [j for j in range(first, first + 2 * radius) if 0 <= j < len(row)]
        weights = [kernel(j - centre) for j in near]  # type: ignore[operator]
        result.append(sum(w * row[j] for w, j in zip(weights, near, strict=True)) / sum(weights))
    return result


@pytest.mark.parametrize(("size", "out"), SIZES)
@pytest.mark.parametrize(("method", "radius"), [("bilinear", 1), ("bicubic", 2)])
def test_without_antialias_only_neighbours_count(method: str, radius: int, size: int, out: int) -> None:
    row = np.random.default_rng(size * 100 + out).standard_normal(size)
    kernel = cubic if method == "bicubic" else (lambda t: 1 - abs(t))
    found = resize(row.reshape(1, 1, size, 1), (1, out), method, antialias=False)
    np.testing.assert_allclose(found[0, 0, :, 0], sampled(row.tolist(), out, radius, kernel), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("size", "out"), [(s, o) for s, o in SIZES if o >= s])
@pytest.mark.parametrize("method", ["bilinear", "bicubic"])
def test_antialias_changes_nothing_when_enlarging(method: str, size: int, out: int) -> None:
    np.testing.assert_array_equal(
        resize_weights(size, out, method, antialias=True), resize_weights(size, out, method, antialias=False)
    )


def test_antialias_halves_by_a_wider_triangle() -> None:
    weights = resize_weights(8, 4, "bilinear", antialias=True)
    np.testing.assert_allclose(weights[1], [0, 0.125, 0.375, 0.375, 0.125, 0, 0, 0])


def test_nearest_is_tensorflows_for_all_sizes() -> None:
    tf = tensorflow()
    for size in range(1, 50, 3):
        row = tf.reshape(tf.range(size), (1, size, 1, 1))
        for out in range(1, 50):
            found = tf.raw_ops.ResizeNearestNeighbor(images=row, size=[out, 1], half_pixel_centers=True)
            np.testing.assert_array_equal(nearest_indices(size, out), found[0, :, 0, 0])
