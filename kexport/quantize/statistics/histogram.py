"""Counts numbers in bins that can be merged without loss, whatever order the numbers come in.

Bins are `2**exponent` wide and begin at whole multiples of their width. Where a range outgrows the bins, two
neighbours become one. The width depends on the least and the greatest number alone, never on the order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from kexport.ir.op import Array

BINS = 2048
_LEAST = -149
"""The exponent of the smallest float32."""
_DIGITS = 24
"""Bits of a float32: narrower bins would tell nothing apart."""


@dataclass(frozen=True, eq=False)
class Histogram:
    """How many numbers lie in `[i * width, (i + 1) * width)`, for `BINS` whole numbers i from `first` on.

    `zeros` of the numbers are 0 exactly.
    """

    exponent: int
    first: int
    counts: Array
    zeros: int = 0

    @property
    def width(self) -> float:
        """How wide a bin is."""
        return math.ldexp(1.0, self.exponent)

    @property
    def edges(self) -> Array:
        """Where bins begin and end, one more than there are bins."""
        return (self.first + np.arange(BINS + 1)) * self.width

    @property
    def total(self) -> int:
        """How many numbers were counted."""
        return int(self.counts.sum())

    @staticmethod
    def of(numbers: Array, low: float, high: float) -> Histogram:
        """The histogram of finite numbers between `low` and `high`, which some numbers beyond these may have been."""
        exponent = exponent_for(low, high)
        flat = numbers.reshape(-1).astype(np.float64)
        first = math.floor(math.ldexp(low, -exponent))
        places = np.floor(flat * math.ldexp(1.0, -exponent)).astype(np.int64)
        places -= first
        counts = np.bincount(places, minlength=BINS).astype(np.int64)
        return Histogram(exponent, first, counts, flat.size - int(np.count_nonzero(flat)))

    def merged(self, other: Histogram, low: float, high: float) -> Histogram:
        """Both together, where `low` and `high` are the least and the greatest number of both."""
        exponent = exponent_for(low, high)
        first = math.floor(math.ldexp(low, -exponent))
        counts = self._placed(exponent, first) + other._placed(exponent, first)
        return Histogram(exponent, first, counts, self.zeros + other.zeros)

    def _placed(self, exponent: int, first: int) -> Array:
        """The counts in wider bins that begin elsewhere."""
        places = ((self.first + np.arange(BINS)) >> (exponent - self.exponent)) - first
        used = np.flatnonzero(self.counts)
        counts = np.zeros(BINS, np.int64)
        np.add.at(counts, places[used], self.counts[used])
        return counts


def exponent_for(low: float, high: float) -> int:
    """The least exponent with which the bins hold everything from `low` to `high`."""
    largest = max(abs(low), abs(high))
    least = max(_LEAST, math.frexp(largest)[1] - _DIGITS if largest else _LEAST)
    span = math.frexp(high / BINS - low / BINS)[1] - 1 if high > low else least
    exponent = max(least, span)
    while math.floor(math.ldexp(high, -exponent)) - math.floor(math.ldexp(low, -exponent)) >= BINS:
        exponent += 1
    return exponent
