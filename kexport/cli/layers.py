"""Prints where artifacts diverge: a sentence per engine, and the layers around the divergence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kexport.cli.command import State, print_json
from kexport.cli.render import print_fitting_table, stdout
from kexport.report.words import number_text

if TYPE_CHECKING:
    from kexport.locate.divergence import LayerCheck, Location
    from kexport.workflows import LocateReport

COLUMNS = ("layer", "ops", "error", "budget", "verdict", "error / budget")
BEFORE = 5
AFTER = 4
"""Layers shown around the one that matters."""
_DECADES = 4


def print_locations(report: LocateReport, state: State, plot: str | None) -> int:
    """Print a LocateReport as the state asks; return the exit code."""
    if plot:
        Path(plot).write_text(svg(report), encoding="utf-8")
    if state.data:
        print_json(report.to_json())
    elif not state.quiet:
        _print(report)
        if plot:
            stdout().print(f"error by layer: {plot}", markup=False, soft_wrap=True)
    return report.exit_code


def svg(report: LocateReport) -> str:
    """Draw the error of every layer in every engine."""
    from kexport.locate.plot import layer_plot

    lines = {f"{x.target} in {x.runtime}": {c.layer: c.ratio for c in x.layers} for x in report.locations if x.layers}
    return layer_plot(f"{report.name}: error by layer, in units of its budget", lines)


def sentence(location: Location) -> str:
    """Print the findings in one engine."""
    head = f"{location.target} in {location.runtime}" if location.runtime else location.target
    first = location.first
    layers = location.layers
    if first is not None:
        return f"{head}: {location.status}; first divergence: {described(first)}"
    if not layers:
        return f"{head}: {location.status}; no layer shows: {location.note or location.reason}"
    shown = [c for c in layers if c.error is not None]
    hidden = len(layers) - len(shown)
    merged = f", {hidden} more {'is' if hidden == 1 else 'are'} merged into them" if hidden else ""
    if location.status == "failed":
        return (
            f"{head}: failed, though all {len(shown)} layers that show are right{merged}. What is wrong comes after "
            f"them, or only when the engine keeps no inner values: {location.reason}"
        )
    return f"{head}: {location.status}; no divergence in {len(shown)} layers{merged}"


def described(check: LayerCheck) -> str:
    """Describe a layer that diverges."""
    others = [name for name in check.computed if name != check.layer]
    merged = f", into which {', '.join(others)} {'is' if len(others) == 1 else 'are'} merged" if others else ""
    if check.error is None:
        return f"layer {check.layer!r} ({check.op}){merged}: {check.reason}"
    return f"layer {check.layer!r} ({check.op}){merged}, batch {check.batch!r}: {check.reason}"


def _print(report: LocateReport) -> None:
    console = stdout()
    told: set[tuple[str, str]] = set()
    for location in report.locations:
        console.print(sentence(location), markup=False, soft_wrap=True)
        first = location.first.layer if location.first else ""
        if location.layers and (location.target, first) not in told and (first or not _any_failed(report)):
            told.add((location.target, first))
            rows = [_row(c) for c in _window(location)]
            print_fitting_table(COLUMNS, rows, ("error", "budget"), drop=("ops", "error / budget"))
    for layer, problem in list(report.capture.items())[:1]:
        what = f"capture: first layer that differs from Keras: {layer!r}: {problem}"
        console.print(what, markup=False, soft_wrap=True)
    found = sum(1 for x in report.locations if x.first)
    batches = ", ".join(report.batches)
    summary = f"{found} of {len(report.locations)} runs diverge" if found else "no divergence"
    console.print(f"{report.name}: {summary} (batches {batches})", markup=False, soft_wrap=True)


def _any_failed(report: LocateReport) -> bool:
    return any(x.first for x in report.locations)


def _window(location: Location) -> Sequence[LayerCheck]:
    """Choose the visible layers around the first divergence, or around the layer nearest to its budget."""
    shown = [c for c in location.layers if c.verdict != "merged"]
    worst = max(range(len(shown)), key=lambda i: shown[i].ratio or 0.0, default=0)
    middle = next((i for i, c in enumerate(shown) if c.verdict == "diverges"), worst)
    return shown[max(0, middle - BEFORE) : middle + AFTER + 1]


def _row(check: LayerCheck) -> list[str]:
    return [
        check.layer,
        check.op,
        number_text(check.error, "{:.2g}") if check.error != math.inf else "inf",
        number_text(check.budget, "{:.2g}"),
        check.verdict,
        bar(check.ratio),
    ]


def bar(ratio: float | None) -> str:
    """Draw a bar that grows with the logarithm of a ratio and reaches the mark at a ratio of 1."""
    if ratio is None:
        return ""
    decades = min(max(math.log10(ratio), -_DECADES), _DECADES) if ratio > 0 else -_DECADES
    length = round(2 * (decades + _DECADES))
    mark = 2 * _DECADES
    return "#" * min(length, mark) + " " * max(mark - length, 0) + "|" + "#" * (length - mark)
