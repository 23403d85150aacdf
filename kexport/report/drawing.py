"""Draws the graph: places boxes, gives them texts and classes of colour, and makes edges curves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kexport.report.boxes import Box, boxes_of
from kexport.report.by_layer import worst_by_layer
from kexport.report.facts import Facts
from kexport.report.layout import lay_out
from kexport.report.timing import layer_times
from kexport.report.words import count_text, ratio_text, seconds_text, size_text

BOX = (176.0, 58.0)
GAP = (22.0, 30.0)
EDGE = 12.0
"""The margin around the drawing."""
LETTERS = 25
"""Characters shown of a name; pointing at it shows all."""
ERROR_STEPS = (0.01, 0.1, 1.0)
"""Bounds of the colour classes, as fractions of the budget. Beyond the last a layer diverges."""
SHARE_STEPS = (0.005, 0.02, 0.08, 0.25)
"""Bounds of the colour classes, as fractions of the whole model."""


@dataclass(frozen=True)
class Drawn:
    """One box: its place, its lines of text, and a class and a text per colouring."""

    kind: str
    x: float
    y: float
    title: str
    path: str
    hint: str
    classes: str
    error: str
    cost: str
    size: str
    time: str


@dataclass(frozen=True)
class Drawing:
    """The whole drawing. `has_error` and `has_time` say which colourings exist."""

    boxes: tuple[Drawn, ...]
    edges: tuple[str, ...]
    width: float
    height: float
    box: tuple[float, float]
    start: float
    """The horizontal centre of the topmost boxes."""
    unit: str
    has_error: bool
    has_time: bool


def draw(facts: Facts) -> Drawing | None:
    """Draw a model's graph; None if there is no graph or it is too large."""
    found = boxes_of(facts.graph, facts.sizes) if facts.graph is not None else None
    if found is None:
        return None
    layout = lay_out(len(found.boxes), found.edges, BOX, GAP)
    worst = worst_by_layer(facts.locations())
    totals = sum(b.multiply_adds or 0 for b in found.boxes), sum(b.bytes for b in found.boxes)
    times = layer_times(facts)
    seconds = times.seconds if times else {}
    boxes = [_drawn(b, p, worst, seconds, totals) for b, p in zip(found.boxes, layout.places, strict=True)]
    edges = [_curve(path) for _, path in sorted(layout.paths.items())]
    width = layout.width + 2 * EDGE
    height = layout.height + 2 * EDGE
    start = boxes[0].x + BOX[0] / 2 if boxes else 0.0
    return Drawing(tuple(boxes), tuple(edges), width, height, BOX, start, found.unit, bool(worst), bool(seconds))


def _drawn(
    box: Box,
    place: tuple[float, float],
    worst: Mapping[str, tuple[float, str]],
    seconds: Mapping[str, float],
    totals: tuple[int, int],
) -> Drawn:
    x = place[0] - BOX[0] / 2 + EDGE
    y = place[1] - BOX[1] / 2 + EDGE
    if box.kind != "op":
        hint = f"{box.kind} {box.title}: {box.output}"
        return Drawn(box.kind, x, y, shorten(box.title), box.kind, hint, "", *[box.output] * 4)
    ratio, engine = max((worst[name] for name in box.layers if name in worst), default=(None, ""))
    took = [seconds[name] for name in box.layers if name in seconds]
    shares = (share_class(box.multiply_adds, totals[0]), share_class(box.bytes, totals[1]))
    time_class = share_class(sum(took), sum(seconds.values())) if took else "x"
    classes = f"e{_error_class(ratio)} c{shares[0]} s{shares[1]} t{time_class}"
    error = f"{ratio_text(ratio)} its budget" if ratio is not None else "does not show"
    cost = "unknown" if box.multiply_adds is None else f"{count_text(box.multiply_adds)} mult-adds"
    size = f"{count_text(box.parameters)} params, {size_text(box.bytes)}" if box.parameters else "no parameters"
    time = seconds_text(sum(took)) if took else "does not show"
    where = f" in {engine}" if engine else ""
    hint = f"{', '.join(box.layers)}\n{box.title} → {box.output}\nerror: {error}{where}\n{cost}; {size}"
    texts = (error, cost, size, time)
    return Drawn(box.kind, x, y, shorten(box.title), shorten(box.path), hint, classes, *texts)


def share_class(value: float | None, total: float) -> str:
    """Return the class of a share: 0 (none) to 5 (a quarter or more), x if unknown."""
    if value is None:
        return "x"
    share = value / total if total else 0.0
    return str(0 if not value else 1 + sum(share >= step for step in SHARE_STEPS))


def shorten(text: str) -> str:
    """Shorten a long name to its end, which tells more than its beginning."""
    return text if len(text) <= LETTERS else "…" + text[-LETTERS + 1 :]


def _error_class(ratio: float | None) -> str:
    if ratio is None:
        return "x"
    return str(1 + sum(ratio > step for step in ERROR_STEPS)) if math.isfinite(ratio) else "4"


def _curve(points: Sequence[tuple[float, float]]) -> str:
    """Return the SVG path of an edge, from the bottom of its source to the top of its destination."""
    half = BOX[1] / 2
    last = len(points) - 1
    x = points[0][0] + EDGE
    y = points[0][1] + EDGE + half
    text = f"M{x:.1f} {y:.1f}"
    for i, (px, py) in enumerate(points[1:], start=1):
        top = py + EDGE - half
        bottom = py + EDGE + half
        bend = (top - y) / 2
        px += EDGE
        text += f"C{x:.1f} {y + bend:.1f} {px:.1f} {top - bend:.1f} {px:.1f} {top:.1f}"
        if i < last:
            text += f"V{bottom:.1f}"
        x = px
        y = bottom
    return text
