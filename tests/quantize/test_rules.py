"""Range rules against brute force, and their errors."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from kexport.errors import ConfigError
from kexport.ir.types import DType
from kexport.quantize.statistics.measure import measure
from kexport.quantize.statistics.rules import Rule, range_by
from kexport.quantize.statistics.statistics import Statistics
from kexport.quantize.statistics.value import nothing


def error(numbers: np.ndarray, low: float, high: float, levels: int) -> float:
    """The squared error of quantizing."""
    step = (high - low) / (levels - 1)
    zero = round(-low / step)
    found = (np.clip(np.round(numbers / step) + zero, 0, levels - 1) - zero) * step
    return float(((found - numbers) ** 2).mean())


def outliers(sign: int = 0) -> np.ndarray:
    numbers = np.random.default_rng(1).laplace(size=20000)
    return (np.abs(numbers) * sign if sign else numbers).astype(np.float32)


def test_minmax_is_exact_and_holds_zero() -> None:
    assert range_by(Rule("minmax"), measure(np.array([2, 3.1], np.float32))) == (0.0, float(np.float32(3.1)))
    assert range_by(Rule("minmax"), measure(np.array([-2, -1], np.float32))) == (-2.0, 0.0)
    assert range_by(Rule("minmax"), measure(np.array([-2, 1], np.float32)), symmetric=True) == (-2.0, 2.0)
    assert range_by(Rule("minmax"), measure(np.zeros(3, np.float32))) == (0.0, 0.0)


@pytest.mark.parametrize("percent", [90, 99, 99.9])
@pytest.mark.parametrize("sign", [-1, 0, 1])
def test_percentile_leaves_out_what_it_says(percent: float, sign: int) -> None:
    numbers = outliers(sign)
    low, high = range_by(Rule("percentile", percent), measure(numbers)) or (0, 0)
    width = 2 * float(np.ptp(numbers)) / 1024
    below, above = np.percentile(numbers, [(100 - percent) / 2, (100 + percent) / 2])
    assert low == pytest.approx(min(below, 0), abs=width)
    assert high == pytest.approx(max(above, 0), abs=width)


@pytest.mark.parametrize("dtype", [DType.I4, DType.I8])
@pytest.mark.parametrize("sign", [-1, 0, 1])
@pytest.mark.parametrize("symmetric", [False, True])
def test_least_squares_beats_every_other_range(dtype: DType, sign: int, symmetric: bool) -> None:
    numbers = outliers(sign)
    levels = (16 if dtype is DType.I4 else 256) - symmetric
    low, high = range_by(Rule("mse"), measure(numbers), dtype, symmetric) or (0, 0)
    best = error(numbers, low, high, levels)
    for share in np.linspace(0.1, 1, 40):
        other = (float(numbers.min() * share), float(numbers.max() * share))
        reach = max(-other[0], other[1])
        low, high = (-reach, reach) if symmetric else (min(other[0], 0), max(other[1], 0))
        assert best <= error(numbers, low, high, levels) * 1.03
    if symmetric:
        assert -low == high


def test_least_squares_keeps_what_few_numbers_need() -> None:
    numbers = np.array([0.0] * 1000 + [1.0], np.float32)
    assert range_by(Rule("mse"), measure(numbers)) == (0.0, 1.0)


def test_bounds_limit_a_range_and_fixed_ones_are_it() -> None:
    half = measure(np.array([0, 0.5], np.float32), bounds=(0.0, 6.0))
    assert range_by(Rule(), half) == (0.0, 0.5)
    assert range_by(Rule(), dataclasses.replace(half, bounds=(0.0, 1.0), fixed=True)) == (0.0, 1.0)
    assert range_by(Rule(), nothing((0.0, 6.0))) == (0.0, 6.0)
    assert range_by(Rule(), nothing((0.0, math.inf))) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("minmaxx", "did you mean 'minmax'"),
        ("mse:3", "has a number"),
        ("percentile", "has no number"),
        ("percentile:often", "is no percentage"),
        ("percentile:12", "is no percentage"),
        ("percentile:nan", "is no percentage"),
    ],
)
def test_what_is_no_rule_is_said(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        Rule.parse(text)
    assert caught.value.hint


@pytest.mark.parametrize("text", ["minmax", "mse", "percentile:99.9"])
def test_rules_are_written_as_they_are_read(text: str) -> None:
    assert str(Rule.parse(text)) == text


def test_values_without_numbers_have_no_range() -> None:
    statistics = Statistics("", ("",), 1, {"logits": nothing()})
    with pytest.raises(ConfigError, match="never computed") as caught:
        statistics.range_of("logits")
    assert "recipe" in str(caught.value.hint)
    with pytest.raises(ConfigError, match="no statistics of a value 'logit'") as caught:
        statistics.of("logit")
    assert "did you mean 'logits'" in str(caught.value.hint)
