"""Measures an array: all that is kept of a batch of one value, in few passes over it."""

from __future__ import annotations

import math
from dataclasses import replace
from math import gcd
from typing import Any

import numpy as np

from kexport.ir.op import Array
from kexport.quantize.statistics.histogram import Histogram
from kexport.quantize.statistics.value import EVERYTHING, Channels, ValueStatistics, nothing

COUNTED = 1 << 14
"""Numbers of a value that a sample of the data brings into its histogram, spread evenly over all that it has."""
MAX_CHANNELS = 1 << 16
"""A longer last axis is no axis of channels."""
_PIECE = 1 << 16
"""Numbers that are looked at together."""
_WIDE_ROW = 512
"""Numbers that are reduced side by side: shorter rows are laid end to end."""


def measure(
    array: Array,
    samples: int = 1,
    channels: bool = True,
    bounds: tuple[float, float] = EVERYTHING,
    fixed: bool = False,
) -> ValueStatistics:
    """What an array of floats is.

    Args:
        array: the value on one batch.
        samples: how many samples of data the batch has.
        channels: whether the last axis is one of channels.
        bounds: see `ValueStatistics`.
        fixed: see `ValueStatistics`.
    """
    array = array if array.dtype in (np.float32, np.float64) else array.astype(np.float32)
    nonfinite = 0
    channels = channels and array.ndim > 0 and 0 < array.shape[-1] <= MAX_CHANNELS
    rows = array.reshape(-1, array.shape[-1] if channels else 1)
    found, square = _passes(rows)
    if not math.isfinite(square):
        flat = rows[np.isfinite(rows)].astype(np.float64)
        nonfinite = rows.size - flat.size
        channels = channels and flat.size == rows.size
        rows = flat.reshape(rows.shape if channels else (-1, 1))
        found, square = _passes(rows)
    if not rows.size:
        return replace(nothing(bounds, fixed), nonfinite=nonfinite)
    low = float(found.low.min())
    high = float(found.high.max())
    total = float(found.total.sum())
    part = _part(rows.reshape(-1), COUNTED * samples, rows.shape[1])
    histogram = Histogram.of(part, low, high)
    kept = found if channels else None
    return ValueStatistics(rows.size, nonfinite, low, high, total, square, histogram, kept, bounds, fixed)


def _passes(rows: Array) -> tuple[Channels, float]:
    """What the channels were, and the sum of all squares; piece by piece, so that a piece stays in the cache."""
    width = rows.shape[1]
    low = np.full(width, np.inf)
    high = np.full(width, -np.inf)
    total = np.zeros(width)
    square = 0.0
    step = max(_PIECE // width, 1)
    ones = np.ones(min(step, len(rows)), rows.dtype)
    with np.errstate(all="ignore"):
        for start in range(0, len(rows), step):
            piece = rows[start : start + step]
            low = np.minimum(low, _reduced(np.minimum, piece))
            high = np.maximum(high, _reduced(np.maximum, piece))
            total += ones[: len(piece)] @ piece
            flat = piece.reshape(-1)
            square += float(flat @ flat)
    return Channels(low, high, total, len(rows)), square


def _reduced(function: Any, rows: Array) -> Array:
    """`function.reduce` down the rows; short rows are taken several at once, for speed."""
    count, width = rows.shape
    several = max(_WIDE_ROW // width, 1)
    whole = count - count % several
    if several == 1 or not whole:
        return function.reduce(rows, axis=0)
    wide = function.reduce(np.ascontiguousarray(rows[:whole]).reshape(-1, several * width), axis=0)
    parts = np.concatenate([wide.reshape(several, width), rows[whole:]])
    return function.reduce(parts, axis=0)


def _part(flat: Array, most: int, width: int) -> Array:
    """At most about so many numbers, in even steps that meet every channel."""
    step = max(flat.size // most, 1)
    while step > 1 and gcd(step, width) != 1:
        step += 1
    return flat[::step]
