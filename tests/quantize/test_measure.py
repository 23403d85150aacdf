"""What is measured of an array is what NumPy says of it, and adds up over batches."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from kexport.quantize.statistics.measure import measure
from kexport.quantize.statistics.value import nothing

SHAPES = [(), (1,), (7,), (4, 3), (2, 5, 5, 1), (3, 17, 9, 40), (2, 3, 1000), (2000, 33), (5, 40000)]


def drawn(shape: tuple[int, ...], dtype=np.float32) -> np.ndarray:
    return np.asarray(np.random.default_rng(len(shape)).standard_normal(shape) * 3 - 1).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.float64, ml_dtypes.bfloat16])
@pytest.mark.parametrize("shape", SHAPES)
def test_numbers_are_those_of_numpy(shape: tuple[int, ...], dtype) -> None:
    array = drawn(shape, dtype)
    found = measure(array)
    wide = array.astype(np.float64)
    assert (found.low, found.high, found.count, found.nonfinite) == (wide.min(), wide.max(), wide.size, 0)
    assert found.mean == pytest.approx(wide.mean(), abs=1e-4)
    assert found.mean_square == pytest.approx((wide**2).mean(), rel=1e-4)
    assert (found.channels is None) == (not shape)
    if found.channels:
        rows = wide.reshape(-1, shape[-1])
        assert found.channels.low.tolist() == rows.min(0).tolist()
        assert found.channels.high.tolist() == rows.max(0).tolist()
        np.testing.assert_allclose(found.channels.mean, rows.mean(0), atol=1e-4)


def test_the_histogram_meets_every_channel() -> None:
    array = np.tile(np.arange(64, dtype=np.float32), (4000, 1))
    found = measure(array)
    assert found.histogram is not None
    assert np.count_nonzero(found.histogram.counts) == 64
    assert found.histogram.total < array.size


def test_numbers_that_are_not_finite_are_counted_and_left_out() -> None:
    found = measure(np.array([[1, np.nan], [np.inf, -2]], np.float32))
    assert (found.count, found.nonfinite, found.low, found.high, found.total) == (2, 2, -2, 1, -1)
    assert found.channels is None


def test_nothing_but_numbers_that_are_not_finite() -> None:
    found = measure(np.full((3, 2), -np.inf, np.float32))
    assert (found.count, found.nonfinite, found.histogram) == (0, 6, None)
    assert measure(np.zeros((0, 3), np.float32)).count == 0


def test_squares_beyond_float32_are_no_infinities() -> None:
    found = measure(np.array([1e30, -1e30], np.float32))
    assert (found.count, found.nonfinite) == (2, 0)
    assert found.mean_square == pytest.approx(1e60, rel=1e-5)
    assert found.channels is not None


def test_batches_add_up() -> None:
    array = drawn((60, 8))
    parts = nothing()
    for part in np.split(array, 6):
        parts = parts.merged(measure(part))
    whole = measure(array)
    assert (parts.low, parts.high, parts.count) == (whole.low, whole.high, whole.count)
    assert parts.mean_square == pytest.approx(whole.mean_square)
    assert parts.channels is not None
    assert whole.channels is not None
    np.testing.assert_allclose(parts.channels.mean, whole.channels.mean, atol=1e-6)
    assert parts.histogram is not None
    assert whole.histogram is not None
    assert parts.histogram.counts.tolist() == whole.histogram.counts.tolist()


def test_constants_and_dead_channels_are_known() -> None:
    array = np.array([[0, 1, 0], [0, 2, 0]], np.float32)
    found = measure(array)
    assert found.channels is not None
    assert found.channels.dead.tolist() == [0, 2]
    assert not found.is_constant
    assert measure(np.full((2, 2), 3, np.float32)).is_constant
