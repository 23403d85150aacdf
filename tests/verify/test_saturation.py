"""Infinities that an engine cannot say."""

from __future__ import annotations

import numpy as np

from kexport.verify.saturation import unsaturated

MOST = np.finfo(np.float32).max
WANT = np.array([np.inf, -np.inf, np.inf, np.nan, 1, MOST, np.inf], np.float32)


def test_only_what_stands_for_an_infinity_is_taken_for_one() -> None:
    got = np.array([MOST, -MOST, -MOST, MOST, MOST, MOST, 3e38], np.float32)
    found, count = unsaturated({"y": WANT}, {"y": got, "z": got})
    assert count == 2
    assert found["y"][:2].tolist() == [np.inf, -np.inf]
    assert found["y"][2:].tolist() == got[2:].tolist()
    assert found["z"] is got


def test_nothing_else_is_touched() -> None:
    for got in (WANT[:3], WANT.astype(np.float64), np.arange(7)):
        found, count = unsaturated({"y": WANT}, {"y": got})
        assert (found["y"] is got, count) == (True, 0)
    whole = np.arange(7)
    assert unsaturated({"y": whole}, {"y": whole})[1] == 0
    assert unsaturated({"y": WANT}, {})[1] == 0


def test_an_overflow_on_the_way_says_nothing() -> None:
    exact = np.array([1e40, -np.inf, 1e80, 7, 1, MOST, np.inf])
    got = np.array([3, -MOST, np.nan, 8, 2, np.nan, np.nan], np.float32)
    found, count = unsaturated({"y": WANT}, {"y": got}, {"y": exact})
    assert count == 4
    np.testing.assert_array_equal(found["y"], np.array([*WANT[:4], *got[4:]], np.float32))


def test_of_extreme_inputs_float64_may_overflow_too() -> None:
    got = np.array([3, 3, 3, 3, 1, MOST, 3], np.float32)
    found, count = unsaturated({"y": WANT}, {"y": got}, {"y": WANT.astype(np.float64)}, extreme=True)
    assert count == 5
    np.testing.assert_array_equal(found["y"], WANT)
