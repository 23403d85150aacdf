"""What one value of a graph was on data, and how that of several batches or machines is put together."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from kexport.ir.op import Array
from kexport.quantize.statistics.histogram import Histogram

EVERYTHING = (-math.inf, math.inf)


@dataclass(frozen=True, eq=False)
class Channels:
    """The least, the greatest and the sum of the numbers at each place of the last axis, each over `rows` numbers."""

    low: Array
    high: Array
    total: Array
    rows: int

    @property
    def mean(self) -> Array:
        """The mean of each channel."""
        return self.total / max(self.rows, 1)

    @property
    def dead(self) -> Array:
        """The numbers of the channels that were always 0."""
        return np.flatnonzero((self.low == 0) & (self.high == 0))

    def merged(self, other: Channels) -> Channels:
        """Both together."""
        low = np.minimum(self.low, other.low)
        high = np.maximum(self.high, other.high)
        return Channels(low, high, self.total + other.total, self.rows + other.rows)


@dataclass(frozen=True, eq=False)
class ValueStatistics:
    """What the finite numbers of one value were.

    The histogram is of all numbers, or of a part of them that is spread evenly; everything else is of all of them.
    """

    count: int
    """How many finite numbers there were; 0 if the value was never computed."""
    nonfinite: int
    """How many were NaN or infinite."""
    low: float
    high: float
    total: float
    """Their sum."""
    square: float
    """The sum of their squares."""
    histogram: Histogram | None
    """None where there was no number."""
    channels: Channels | None = None
    """By place on the last axis; None where its size is open, or some numbers were not finite."""
    bounds: tuple[float, float] = EVERYTHING
    """Between which numbers the value lies whatever the data, as its operation says."""
    fixed: bool = False
    """Whether these bounds are its range whatever the data was, as engines have it for softmax, sigmoid and tanh."""

    floor: float = -math.inf
    """Below this number it makes no difference to what reads the value, as far below the greatest of what a softmax
    takes."""

    @property
    def mean(self) -> float:
        """The mean of all numbers."""
        return self.total / max(self.count, 1)

    @property
    def mean_square(self) -> float:
        """The mean of their squares."""
        return self.square / max(self.count, 1)

    @property
    def is_constant(self) -> bool:
        """Whether it was the same number throughout."""
        return self.count > 0 and self.low == self.high

    def merged(self, other: ValueStatistics) -> ValueStatistics:
        """Both together."""
        low = min(self.low, other.low)
        high = max(self.high, other.high)
        return ValueStatistics(
            self.count + other.count,
            self.nonfinite + other.nonfinite,
            low,
            high,
            self.total + other.total,
            self.square + other.square,
            _histograms(self.histogram, other.histogram, low, high),
            _channels(self, other),
            self.bounds,
            self.fixed,
            self.floor if not other.count else other.floor if not self.count else min(self.floor, other.floor),
        )


def nothing(bounds: tuple[float, float] = EVERYTHING, fixed: bool = False) -> ValueStatistics:
    """The statistics of a value of which no number was seen."""
    return ValueStatistics(0, 0, math.inf, -math.inf, 0.0, 0.0, None, None, bounds, fixed)


def _histograms(a: Histogram | None, b: Histogram | None, low: float, high: float) -> Histogram | None:
    return a.merged(b, low, high) if a is not None and b is not None else a if b is None else b


def _channels(a: ValueStatistics, b: ValueStatistics) -> Channels | None:
    if not (a.count and b.count):
        return a.channels if a.count else b.channels
    fits = a.channels is not None and b.channels is not None and len(a.channels.low) == len(b.channels.low)
    return a.channels.merged(b.channels) if fits and a.channels and b.channels else None
