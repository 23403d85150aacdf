"""Collects the facts of each target: status, size, latency, errors, and the results of each of its runtimes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kexport.printable import counted
from kexport.report.facts import Facts
from kexport.report.words import number_text, seconds_text, size_text
from kexport.verify.judge import OutputCheck
from kexport.verify.status import Status, Verdict
from kexport.workflows.bench_file import BenchReport, BenchRow
from kexport.workflows.building import needs
from kexport.workflows.manifest import ArtifactEntry
from kexport.workflows.report import ArtifactReport
from kexport.workflows.verifying import OTHER_MODEL

DAMAGED = "damaged"
MARKS = {
    "verified": "✓",
    "simulated": "≈",
    "unjudged": "?",
    "valid": "○",
    "emitted": "○",
    "failed": "✗",
    DAMAGED: "✗",
}
"""A sign for every status, for readers who do not see its colour."""
_EMPTY: tuple[Any, ...] = (None, "", [], {})
MEANINGS = {
    "verified": "the real runtime agrees with Keras",
    "simulated": "an independent evaluator of the format agrees with Keras; the real runtime was not there",
    "unjudged": "it was run, and what it gave says nothing for or against it",
    "valid": "the format's checker accepts the file; it was not run",
    "emitted": "the file was written, and no more is known",
    "failed": "it did not pass its check; it lies in quarantine",
    DAMAGED: "the file is not the one that was checked",
}


@dataclass(frozen=True)
class CheckRow:
    """One output on one batch, in words."""

    output: str
    batch: str
    verdict: str
    error: str
    tolerance: str
    snr: str
    argmax: str
    reason: str


@dataclass(frozen=True)
class RuntimeRow:
    """The results of one runtime, in words."""

    title: str
    status: str
    mark: str
    reason: str
    where: str
    seconds: str
    memory: str
    checks: tuple[CheckRow, ...]


@dataclass(frozen=True)
class TargetRow:
    """One artifact, in words. `latency` is empty if it was not measured, and `why` gives the reason."""

    target: str
    path: str
    status: str
    mark: str
    size: str
    latency: str
    latency_detail: tuple[str, ...]
    max_error: str
    budget: str
    snr: str
    argmax: str
    runtime: str
    reason: str
    runtimes: tuple[RuntimeRow, ...]
    files: tuple[tuple[str, str, str], ...]
    options: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    """What it needs, and what tools said of it."""


def targets_of(facts: Facts) -> tuple[TargetRow, ...]:
    """Return a row per artifact."""
    return tuple(_row(artifact, facts) for artifact in facts.artifacts)


def statuses(rows: Sequence[TargetRow]) -> list[tuple[str, str, int]]:
    """Count artifacts by status, with its sign, bad ones first."""
    order = (DAMAGED, *(s.value for s in Status))
    counts = {s: sum(1 for r in rows if r.status == s) for s in order}
    return [(s, MARKS[s], n) for s, n in counts.items() if n]


def timed_rows(artifact: ArtifactEntry, bench: BenchReport | None) -> list[BenchRow]:
    """Return the measurements of an artifact's current bytes, fastest first."""
    rows = [r for r in bench.rows if r.target == artifact.target and r.sha256 == artifact.digest] if bench else []
    return sorted((r for r in rows if r.timing.median is not None), key=lambda r: (r.timing.median, r.key))


def _row(artifact: ArtifactEntry, facts: Facts) -> TargetRow:
    verdicts = facts.verdicts(artifact)
    report = ArtifactReport(artifact.target, artifact.path, artifact.size, artifact.current_status, 0.0, verdicts)
    damage = facts.damaged.get(artifact.target)
    status = DAMAGED if damage else artifact.current_status
    worst = report.worst.worst if report.worst else None
    latency, detail = _latency(artifact, facts.bench)
    return TargetRow(
        artifact.target,
        artifact.path,
        status,
        MARKS[status],
        size_text(artifact.size),
        latency,
        detail,
        _error(report.max_error, verdicts),
        _budget(worst),
        number_text(report.snr, "{:.1f} dB"),
        number_text(report.argmax, "{:.2%}"),
        f"{report.runtime} {report.version}".strip() or "-",
        damage or (OTHER_MODEL if artifact.kept else report.reason) or MEANINGS[status],
        tuple(_runtime(v) for v in verdicts),
        tuple((f.path, size_text(f.size), f.sha256) for f in artifact.files),
        tuple((name, str(value)) for name, value in sorted(artifact.options.items()) if value not in _EMPTY),
        tuple(needs(artifact.facts)),
    )


def _latency(artifact: ArtifactEntry, bench: BenchReport | None) -> tuple[str, tuple[str, ...]]:
    rows = timed_rows(artifact, bench)
    if rows:
        best = rows[0]
        threads = counted(best.threads, "thread")
        return seconds_text(best.timing.median), (f"p95 {seconds_text(best.timing.p95)}", f"{best.runtime}, {threads}")
    mine = [r for r in bench.rows if r.target == artifact.target] if bench else []
    if any(r.sha256 != artifact.digest for r in mine):
        return "", ("it was, on an older file",)
    reasons = [r.timing.message for r in mine if r.timing.message]
    return "", (reasons[0] if reasons else "kexport bench measures it",)


def _error(value: float | None, verdicts: Sequence[Verdict]) -> str:
    gone = [c for v in verdicts for c in v.outputs if not c.metrics.same_shape]
    return "no such output" if gone else number_text(value, "{:.2g}")


def _budget(check: OutputCheck | None) -> str:
    """Return the tolerance of the worst check."""
    return f"{check.tolerance.atol:.2g} allowed" if check and check.tolerance.judges else ""


def _runtime(verdict: Verdict) -> RuntimeRow:
    status = verdict.status.value
    seconds = verdict.seconds
    title = f"{verdict.runtime} {verdict.version or ''}".strip() or "before it was run"
    where = " ".join(part for part in (verdict.host, verdict.device) if part)
    times = ", ".join(f"{name} {seconds_text(float(s))}" for name, s in seconds.items()) if seconds else "-"
    memory = size_text(verdict.peak_bytes) if verdict.peak_bytes else "-"
    checks = tuple(_check(c) for c in verdict.outputs)
    return RuntimeRow(title, status, MARKS[status], verdict.reason, where, times, memory, checks)


def _check(check: OutputCheck) -> CheckRow:
    words: dict[Any, str] = {True: "passed", False: "failed", None: "no evidence"}
    m = check.metrics
    error = f"{m.max_abs:.2g}" if math.isfinite(m.max_abs) else "infinite"
    return CheckRow(
        check.output,
        check.batch,
        words[check.passed],
        error if m.same_shape else "-",
        f"{check.tolerance.atol:.2g}",
        number_text(m.snr_db, "{:.1f} dB") if m.same_shape else "-",
        number_text(m.argmax_agreement, "{:.1%}"),
        check.reason,
    )
