"""Plots the error of every layer in every engine: a row per layer, a mark per engine, in budgets, logarithmic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from kexport.locate.divergence import LayerCheck, Location
from kexport.report.by_layer import engine_of, ratio_of
from kexport.report.words import ratio_text

LOWEST = -4
HIGHEST = 3
"""The decades drawn; marks outside are put on the edge."""
MARGIN = 3.0
"""Margin on either side, in percent of the width."""
ROW = 22
MARKS = (
    "M-4-4h8v8h-8z",
    "M0-5L5 4H-5z",
    "M0-5.5L5.5 0 0 5.5-5.5 0z",
    "M-5-2h3v-3h4v3h3v4h-3v3h-4v-3h-3z",
    "M0 5L-5-4H5z",
    "M-5-5L0-2 5-5 2 0 5 5 0 2-5 5-2 0z",
    "M-2-5h4v10h-4z",
    "M-5-2h10v4h-10z",
)
"""Shapes that tell engines apart without their colours."""


@dataclass(frozen=True)
class Mark:
    """One layer in one engine. `x` is in percent, `y` in pixels."""

    x: str
    y: int
    hint: str
    out: bool
    """Whether the error is beyond the budget."""


@dataclass(frozen=True)
class Segment:
    """A line from one mark to the next."""

    x1: str
    y1: int
    x2: str
    y2: int


@dataclass(frozen=True)
class Line:
    """One engine."""

    engine: str
    number: int
    shape: str
    marks: tuple[Mark, ...]
    segments: tuple[Segment, ...]


@dataclass(frozen=True)
class Tick:
    """A decade, or the budget."""

    x: str
    text: str
    budget: bool


@dataclass(frozen=True)
class Plot:
    """The whole plot, and the same as a table: a row per layer, a cell per engine."""

    layers: tuple[str, ...]
    lines: tuple[Line, ...]
    ticks: tuple[Tick, ...]
    table: tuple[tuple[str, ...], ...]
    height: int
    summary: str


def error_plot(locations: Sequence[Location]) -> Plot | None:
    """Plot the errors found inside artifacts; None if none were looked for."""
    checks = {engine_of(x): [c for c in x.layers if ratio_of(c) is not None] for x in locations}
    layers = _in_order(locations, {c.layer for found in checks.values() for c in found})
    if not layers:
        return None
    rows = {name: i for i, name in enumerate(layers)}
    lines = tuple(_line(engine, found, rows, i) for i, (engine, found) in enumerate(checks.items()))
    ratios = {(engine, c.layer): ratio_of(c) for engine, found in checks.items() for c in found}
    table = tuple((name, *(ratio_text(ratios.get((engine, name))) for engine in checks)) for name in layers)
    return Plot(tuple(layers), lines, _ticks(), table, ROW * len(layers), _summary(checks))


def _in_order(locations: Sequence[Location], shown: set[str]) -> list[str]:
    """Return the layers seen in any engine, in the order of computation; every engine lists all of them."""
    longest = max((x.layers for x in locations), key=len, default=())
    rest = [c.layer for x in locations for c in x.layers]
    return [name for name in dict.fromkeys([*(c.layer for c in longest), *rest]) if name in shown]


def _line(engine: str, checks: Sequence[LayerCheck], rows: dict[str, int], number: int) -> Line:
    marks = [_mark(c, rows[c.layer]) for c in checks]
    marks.sort(key=lambda m: m.y)
    pairs = pairwise(marks)
    segments = tuple(Segment(a.x, a.y, b.x, b.y) for a, b in pairs)
    return Line(engine, number % len(MARKS), MARKS[number % len(MARKS)], tuple(marks), segments)


def _mark(check: LayerCheck, row: int) -> Mark:
    ratio = ratio_of(check) or 0.0
    error = f"error {check.error:.2g}, budget {check.budget:.2g}" if check.error is not None and check.budget else ""
    text = f"{check.layer}: {ratio_text(ratio)} its budget; {error or check.reason or 'exact'}"
    return Mark(_x(ratio), ROW * row + ROW // 2, text, check.verdict == "diverges")


def _x(ratio: float) -> str:
    decade = min(max(math.log10(ratio), LOWEST), HIGHEST) if 0 < ratio < math.inf else LOWEST if ratio == 0 else HIGHEST
    return f"{MARGIN + (100 - 2 * MARGIN) * (decade - LOWEST) / (HIGHEST - LOWEST):.2f}%"


def _ticks() -> tuple[Tick, ...]:
    texts = {-4: "≤1e-4", -2: "0.01", 0: "budget", 2: "100×"}
    return tuple(Tick(_x(10.0**d), texts.get(d, ""), d == 0) for d in range(LOWEST, HIGHEST + 1))


def _summary(checks: dict[str, list[LayerCheck]]) -> str:
    """Describe the plot in words."""
    wrong = [
        f"{engine} first diverges at {c.layer}"
        for engine, found in checks.items()
        for c in [next((c for c in found if c.verdict == "diverges"), None)]
        if c is not None
    ]
    return "; ".join(wrong) if wrong else f"No layer diverges in {len(checks)} runs."
