"""Metrics on ordinary and odd arrays."""

from __future__ import annotations

import json
import math
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from kexport.verify.compare import Metrics, compare, find_permutation, kinds, value_range

NAN = np.nan
INF = np.inf


def f32(*values: Any) -> np.ndarray[Any, Any]:
    return np.array(values, np.float32)


@pytest.mark.parametrize(
    ("expected", "actual", "fields"),
    [
        pytest.param(f32(0, 1, 4), f32(0, 1, 4), {"max_abs": 0, "snr_db": INF, "cosine": 1, "finite": 3}, id="equal"),
        pytest.param(f32(0, 1, 4), f32(0, 1, 5), {"max_abs": 1, "max_relative": 0.25, "worst": (2,)}, id="off"),
        pytest.param(f32(3, 4), f32(3, 4.5), {"snr_db": 20.0, "rms": 0.5 / math.sqrt(2)}, id="snr"),
        pytest.param(f32(1, 0), f32(0, 1), {"cosine": 0, "max_relative": 1}, id="orthogonal"),
        pytest.param(f32(0, 0), f32(0, 0), {"max_abs": 0, "cosine": 1, "snr_db": INF}, id="zeros"),
        pytest.param(f32(0, 0), f32(0, 2), {"max_abs": 2, "cosine": 0, "snr_db": -INF}, id="zeros-expected"),
        pytest.param(f32(5, 5), f32(5, 6), {"max_relative": 0.2}, id="constant-expected"),
        pytest.param(f32(INF, -INF, 1), f32(INF, -INF, 1), {"nonfinite_mismatches": 0, "finite": 1}, id="inf-equal"),
        pytest.param(f32(INF, 1), f32(-INF, 1), {"nonfinite_mismatches": 1}, id="inf-sign"),
        pytest.param(f32(INF, 1), f32(3e38, 1), {"nonfinite_mismatches": 1, "max_abs": 0}, id="inf-lost"),
        pytest.param(
            f32(NAN, 1), f32(NAN, 1), {"nonfinite_mismatches": 0, "finite": 1, "mismatches": 0}, id="nan-both"
        ),
        pytest.param(f32(NAN, 1), f32(1, NAN), {"nonfinite_mismatches": 2, "finite": 0}, id="nan-moved"),
        pytest.param(f32(NAN, NAN), f32(NAN, NAN), {"finite": 0, "elements": 2, "is_vacuous": True}, id="only-nan"),
        pytest.param(f32(), f32(), {"elements": 0, "is_vacuous": True, "max_abs": 0}, id="empty"),
        pytest.param(np.float32(2), np.float32(3), {"max_abs": 1, "worst": (), "argmax_agreement": None}, id="0-d"),
        pytest.param(f32(3e38), f32(-3e38), {"max_abs": pytest.approx(6e38)}, id="beyond-float32"),
        pytest.param(f32(1e-42), f32(0), {"max_abs": pytest.approx(1e-42, rel=1e-2)}, id="denormal"),
        pytest.param(np.array([1e200]), np.array([2e200]), {"snr_db": pytest.approx(0), "cosine": 1}, id="huge"),
        pytest.param(np.array([1, 2, 3]), np.array([1, 2, 5]), {"mismatches": 1, "max_abs": 2}, id="int"),
        pytest.param(np.array([2**62]), np.array([2**62 + 1]), {"mismatches": 1}, id="int-beyond-float64"),
        pytest.param(np.array([True, False]), np.array([True, True]), {"mismatches": 1, "elements": 2}, id="bool"),
        pytest.param(np.array([1, 2]), f32(1, 2), {"same_dtype": False, "mismatches": 0}, id="int-as-float"),
        pytest.param(
            f32(1, 2).astype(ml_dtypes.bfloat16), f32(1, 3).astype(ml_dtypes.bfloat16), {"max_abs": 1}, id="bfloat16"
        ),
        pytest.param(np.array([1 + 1j, 2]), np.array([1 + 1j, 2 + 3j]), {"max_abs": 3, "worst": (1, 1)}, id="complex"),
        pytest.param(np.array(["a", "b"]), np.array(["a", "c"]), {"mismatches": 1, "max_abs": INF}, id="text"),
        pytest.param(f32([1, 2]), f32(1, 2), {"same_shape": False, "elements": 0, "is_vacuous": True}, id="shapes"),
    ],
)
def test_metrics(expected: Any, actual: Any, fields: dict[str, Any]) -> None:
    metrics = compare(expected, actual)
    for name, value in fields.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        assert getattr(metrics, name) == (pytest.approx(value) if number else value), name
    assert Metrics.from_json(json.loads(json.dumps(metrics.to_json(), allow_nan=False))) == metrics


def test_excluded_positions_do_not_count() -> None:
    metrics = compare(f32(1, 2, NAN), f32(1, 9, 3), exclude=np.array([False, True, True]))
    assert (metrics.elements, metrics.excluded, metrics.max_abs, metrics.nonfinite_mismatches) == (1, 2, 0, 0)


def test_everything_excluded_is_vacuous() -> None:
    assert compare(f32(1), f32(9), exclude=np.array([True])).is_vacuous


def test_argmax_counts_rows_with_a_clear_winner_only() -> None:
    expected = f32([0, 1, 9], [5, 5.1, 0], [1, 8, 2])
    actual = f32([0, 1, 9], [5.1, 5, 0], [1, 2, 8])
    clear = compare(expected, actual, margin=0.5)
    assert (clear.argmax_judged, clear.argmax_agreement) == (2, 0.5)
    assert compare(expected, actual).argmax_agreement == pytest.approx(1 / 3)
    assert compare(expected, actual, margin=100).argmax_agreement is None


def test_argmax_margin_comes_from_the_oracle() -> None:
    expected = f32([1.0, 1.001])
    tied = np.array([[1.0, 1.0]])
    assert compare(expected, f32([1.001, 1.0]), oracle=tied, margin=1e-6).argmax_judged == 0


def test_a_nan_row_disagrees_on_the_argmax() -> None:
    assert compare(f32([1, 2]), f32([3, NAN])).argmax_agreement == 0


def test_transposed_axes_are_named() -> None:
    a = np.random.default_rng(0).standard_normal((2, 3, 4)).astype(np.float32)
    assert compare(a, a.transpose(2, 0, 1)).permutation == (1, 2, 0)
    assert np.array_equal(a.transpose(2, 0, 1).transpose(1, 2, 0), a)
    square = a[0, :, :3]
    assert find_permutation(square, square.T) == (1, 0)
    assert compare(a, (a + 1).transpose(2, 0, 1)).permutation is None
    assert find_permutation(np.ones((2, 2)), np.ones((2, 2))) is None


def test_quantiles_rise() -> None:
    rng = np.random.default_rng(1)
    a = rng.standard_normal(10000)
    quantiles = list(compare(a, a + rng.standard_normal(10000)).quantiles.values())
    assert quantiles == sorted(quantiles)
    assert quantiles[0] == pytest.approx(0.674, abs=0.03)


def test_kinds_and_range() -> None:
    assert kinds(f32(1, INF, -INF, NAN)).tolist() == [0, 1, -1, 2]
    assert kinds(np.array([1, 2])).tolist() == [0, 0]
    assert [value_range(a) for a in (f32(1, 3, NAN), f32(7, 7), f32(0), f32(), f32(INF))] == [2, 7, 1, 1, 1]
