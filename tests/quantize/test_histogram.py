"""Histograms count exactly, and merge to the same whatever the order."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kexport.quantize.statistics.histogram import BINS, Histogram, exponent_for

FLOATS = st.floats(-(2.0**100), 2.0**100, width=32, allow_subnormal=False)


def of(numbers: np.ndarray) -> Histogram:
    return Histogram.of(numbers, float(numbers.min()), float(numbers.max()))


def counted(histogram: Histogram) -> dict[float, int]:
    return {histogram.edges[i]: int(histogram.counts[i]) for i in np.flatnonzero(histogram.counts)}


@settings(deadline=None)
@given(st.lists(FLOATS, min_size=1, max_size=30))
def test_every_number_is_in_its_bin(numbers: list[float]) -> None:
    array = np.array(numbers, np.float32)
    histogram = of(array)
    places = np.floor(array.astype(np.float64) / histogram.width).astype(np.int64) - histogram.first
    assert histogram.counts.tolist() == np.bincount(places, minlength=BINS).tolist()
    assert histogram.zeros == np.count_nonzero(array == 0)


@settings(deadline=None)
@given(st.lists(st.lists(FLOATS, min_size=1, max_size=5), min_size=2, max_size=6), st.randoms())
def test_parts_merge_to_the_whole_in_any_order(parts: list[list[float]], random) -> None:
    whole = np.array([x for part in parts for x in part], np.float32)
    random.shuffle(parts)
    merged = None
    seen = np.zeros(0, np.float32)
    for part in parts:
        array = np.array(part, np.float32)
        seen = np.concatenate([seen, array])
        merged = of(array) if merged is None else merged.merged(of(array), float(seen.min()), float(seen.max()))
    assert merged is not None
    assert counted(merged) == counted(of(whole))
    assert (merged.exponent, merged.first, merged.zeros) == (of(whole).exponent, of(whole).first, of(whole).zeros)


@pytest.mark.parametrize(
    ("low", "high"), [(0, 0), (0, 6), (-1, 1), (1e6, 1e6 + 1), (-3e38, 3e38), (-1.7e308, 1.7e308), (1e-45, 1e-44)]
)
def test_the_width_is_the_least_that_holds_the_range(low: float, high: float) -> None:
    exponent = exponent_for(low, high)
    assert math.floor(math.ldexp(high, -exponent)) - math.floor(math.ldexp(low, -exponent)) < BINS
    narrower = math.floor(math.ldexp(high, 1 - exponent)) - math.floor(math.ldexp(low, 1 - exponent)) >= BINS
    assert narrower or exponent == -149 or max(abs(low), abs(high)) >= math.ldexp(1.0, exponent + 23)
