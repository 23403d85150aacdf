"""Rules that turn what a value was into the range that its integers stand for.

A range always holds 0, which padding and masks need exactly. No rule forgets what it saw first: there is no moving
average, which clips whatever the last samples do not have.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kexport.errors import ConfigError
from kexport.ir.op import Array
from kexport.ir.types import DType
from kexport.names import suggest
from kexport.quantize.statistics.histogram import Histogram
from kexport.quantize.statistics.value import ValueStatistics

Range = tuple[float, float]
RULES = ("minmax", "percentile", "mse")
DEFAULT = "minmax"


@dataclass(frozen=True)
class Rule:
    """A rule and its number: the percentage of all numbers that stay within the range, for `percentile`."""

    name: str = DEFAULT
    percent: float = 100.0

    def __str__(self) -> str:
        return f"{self.name}:{self.percent:g}" if self.name == "percentile" else self.name

    @staticmethod
    def parse(text: str) -> Rule:
        """Read `minmax`, `mse` or `percentile:99.9`.

        Raises:
            ConfigError: there is no such rule, or its number is no percentage.
        """
        name, colon, number = text.partition(":")
        if name not in RULES:
            raise ConfigError(f"there is no rule {name!r} for ranges", hint=suggest(name, RULES, "rules"))
        if (name == "percentile") != bool(colon):
            hint = "write minmax, mse or percentile:99.9"
            raise ConfigError(f"the rule {text!r} has {'a' if colon else 'no'} number", hint=hint)
        return Rule(name, _percent(number)) if colon else Rule(name)


def _percent(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 50 <= number <= 100:
        what = f"{text!r} is no percentage of the numbers that a range may keep"
        raise ConfigError(what, hint="write one from 50 to 100, as percentile:99.9")
    return number


def range_by(rule: Rule, value: ValueStatistics, dtype: DType = DType.I8, symmetric: bool = False) -> Range | None:
    """The range of a value; None where nothing is known of it. Both ends are 0 if it was never anything else.

    Args:
        rule: which rule.
        value: what the value was.
        dtype: the integers that are to stand for it.
        symmetric: whether the range is to be the same on both sides of 0.
    """
    low, high = value.bounds
    if value.fixed or not value.count:
        known = np.isfinite(value.bounds).all()
        return _with_zero(low, high, symmetric) if known else None
    found = _FUNCTIONS[rule.name](rule, value, levels(dtype) - symmetric, symmetric)
    low = max(low, value.floor) if value.floor < value.high else low
    return _with_zero(max(found[0], low), min(found[1], high), symmetric)


def levels(dtype: DType) -> int:
    """How many numbers integers of a type can stand for; a symmetric range uses one less."""
    return 2 ** int(dtype.value[1:])


def _with_zero(low: float, high: float, symmetric: bool) -> Range:
    low = min(low, 0.0)
    high = max(high, 0.0)
    return (-max(-low, high), max(-low, high)) if symmetric else (low, high)


def _minmax(rule: Rule, value: ValueStatistics, levels: int, symmetric: bool) -> Range:
    return value.low, value.high


def _percentile(rule: Rule, value: ValueStatistics, levels: int, symmetric: bool) -> Range:
    """Leaves out as many numbers at either end, half of the rest of 100 percent."""
    histogram = value.histogram
    assert histogram is not None
    edges = histogram.edges
    outside = round((100 - rule.percent) / 200 * histogram.total, 6)
    below = np.cumsum(histogram.counts)
    above = np.cumsum(histogram.counts[::-1])
    low = edges[int(np.searchsorted(below, outside, side="right"))]
    high = edges[len(edges) - 1 - int(np.searchsorted(above, outside, side="right"))]
    return max(value.low, float(low)), min(value.high, float(high))


def _mse(rule: Rule, value: ValueStatistics, levels: int, symmetric: bool) -> Range:
    """The range with the least squared error of all whose ends are ends of bins.

    A number inside of the range is off by a twelfth of a squared step on average, a number outside by its distance from
    the end, and 0 by nothing.
    """
    histogram = value.histogram
    assert histogram is not None
    lows, highs = _candidates(histogram.edges, value, symmetric)
    sums = _Sums(histogram)
    left = sums.below(lows)
    right = sums.above(highs)
    steps = (highs[None, :] - lows[:, None]) / (levels - 1)
    inside = sums.total - left[0][:, None] - right[0][None, :]
    error = inside * steps**2 / 12 + left[1][:, None] + right[1][None, :]
    if symmetric:
        best = int(np.argmin(np.diagonal(error)))
        return float(lows[best]), float(highs[best])
    row, column = np.unravel_index(int(np.argmin(error)), error.shape)
    return float(lows[row]), float(highs[column])


def _candidates(edges: Array, value: ValueStatistics, symmetric: bool) -> tuple[Array, Array]:
    """Ends of ranges that hold 0: the outermost first, so that of equal errors the wider range is taken."""
    low = min(value.low, 0.0)
    high = max(value.high, 0.0)
    if symmetric:
        reach = max(-low, high)
        sizes = np.unique(np.abs(edges[(np.abs(edges) > 0) & (np.abs(edges) < reach)]))[::-1]
        ends = np.concatenate([[reach], sizes])
        return -ends, ends
    lows = np.concatenate([[low], edges[(edges > low) & (edges < 0)], [0.0] * (low < 0)])
    highs = np.concatenate([[high], edges[(edges < high) & (edges > 0)][::-1], [0.0] * (high > 0)])
    return lows, highs


class _Sums:
    """How many numbers lie outside of an end of a bin, and the sum of their squared distances from it."""

    def __init__(self, histogram: Histogram):
        middles = histogram.edges[:-1] + histogram.width / 2
        counts = histogram.counts.astype(np.float64)
        zero = -histogram.first
        if 0 <= zero < len(counts):
            counts[zero] -= histogram.zeros
        self.total = counts.sum()
        self._edges = histogram.edges
        self._powers = [np.concatenate([[0.0], np.cumsum(counts * middles**n)]) for n in range(3)]

    def below(self, ends: Array) -> tuple[Array, Array]:
        """Of the numbers below each end."""
        at = np.clip(np.searchsorted(self._edges, ends), 0, len(self._edges) - 1)
        return self._distances(ends, [p[at] for p in self._powers])

    def above(self, ends: Array) -> tuple[Array, Array]:
        """Of the numbers above each end."""
        at = np.clip(np.searchsorted(self._edges, ends), 0, len(self._edges) - 1)
        return self._distances(ends, [p[-1] - p[at] for p in self._powers])

    @staticmethod
    def _distances(ends: Array, powers: list[Array]) -> tuple[Array, Array]:
        return powers[0], np.maximum(powers[2] - 2 * ends * powers[1] + ends**2 * powers[0], 0)


_FUNCTIONS = {"minmax": _minmax, "percentile": _percentile, "mse": _mse}
