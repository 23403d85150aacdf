"""Formats the measurements of `kexport bench`, in words and as bars."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from kexport.printable import counted
from kexport.report.facts import Facts
from kexport.report.words import seconds_text, size_text
from kexport.workflows.bench_file import BenchRow


@dataclass(frozen=True)
class TimedRow:
    """One artifact in one runtime with a number of threads. `left` is where the median lies, `width` goes to p95."""

    target: str
    runtime: str
    threads: str
    median: str
    p95: str
    load: str
    start: str
    memory: str
    size: str
    runs: str
    left: str
    width: str


@dataclass(frozen=True)
class Timings:
    """The rows about current files, the runtimes that were not timed and why, and the machine."""

    rows: tuple[TimedRow, ...]
    others: tuple[str, ...]
    where: str
    sizes: str


@dataclass(frozen=True)
class LayerTimes:
    """Seconds by layer in one engine; `rest` belongs to no layer."""

    engine: str
    seconds: Mapping[str, float]
    rest: float


def timings_of(facts: Facts) -> Timings | None:
    """Return the measurements of a model; None if there are none."""
    bench = facts.bench
    if bench is None:
        return None
    current = _current(facts)
    done = [r for r in current if r.timing.median is not None]
    low = math.log10(min((r.timing.median or 1.0 for r in done), default=1.0))
    high = math.log10(max((r.timing.p95 or 1.0 for r in done), default=1.0))
    rows = tuple(_row(r, low, high) for r in done)
    others = [f"{r.target} in {r.runtime}: {r.timing.message or r.timing.status}" for r in current if r not in done]
    if len(current) < len(bench.rows):
        others.append("Some measurements are of older files and not shown.")
    host = bench.host
    parts = (host.get("processor"), f"{host['cores']} cores" if host.get("cores") else "", host.get("system"))
    sizes = ", ".join(f"{symbol} {size}" for symbol, size in bench.sizes.items())
    return Timings(rows, tuple(dict.fromkeys(others)), ", ".join(p for p in parts if p), sizes)


def layer_times(facts: Facts) -> LayerTimes | None:
    """Return the time of every layer in the fastest engine with a profile; None if there is none."""
    rows = [r for r in _current(facts) if r.timing.layers and r.timing.median is not None]
    best = min(rows, key=lambda r: (r.timing.median, r.key), default=None)
    if best is None:
        return None
    layers = dict(best.timing.layers)
    rest = layers.pop("", 0.0)
    threads = counted(best.threads, "thread")
    return LayerTimes(f"{best.runtime} {best.version}, {threads}", layers, rest)


def _current(facts: Facts) -> list[BenchRow]:
    """Return the measurements of the files' current bytes."""
    digests = {a.target: a.digest for a in facts.artifacts}
    return [r for r in facts.bench.rows if digests.get(r.target) == r.sha256] if facts.bench else []


def _row(row: BenchRow, low: float, high: float) -> TimedRow:
    t = row.timing
    left = _part(t.median, low, high)
    return TimedRow(
        row.target,
        f"{row.runtime} {row.version}".strip(),
        str(row.threads),
        seconds_text(t.median),
        seconds_text(t.p95),
        seconds_text(t.load),
        seconds_text(t.start),
        size_text(t.peak_bytes) if t.peak_bytes else "-",
        size_text(row.size),
        str(t.runs),
        _percent(left),
        _percent(_part(t.p95, low, high) - left),
    )


def _part(seconds: float | None, low: float, high: float) -> float:
    """Return the place of a time on a logarithmic scale, from 0 to 1."""
    part = (math.log10(seconds) - low) / (high - low) if seconds and seconds > 0 and high > low else 0.0
    return min(max(part, 0.0), 1.0)


def _percent(part: float) -> str:
    return f"{100 * part:.1f}%"
