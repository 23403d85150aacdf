"""Judges an artifact's outputs against a reference: one check per output and batch, and never an empty success."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kexport.errors import ConfigError
from kexport.evidence.plain import plain
from kexport.evidence.reference_file import Recording, Reference
from kexport.ir.contract import Contract
from kexport.ir.op import Array
from kexport.names import suggest
from kexport.printable import counted
from kexport.verify.compare import PERMUTATION_RTOL, Metrics, compare, find_permutation, is_discrete, value_range
from kexport.verify.record import EVERY, noises
from kexport.verify.tolerance import Tolerance, derive, unsettled


@dataclass(frozen=True)
class OutputCheck:
    """The judgement of one output on one batch. `passed` is None if the batch is no evidence."""

    output: str
    batch: str
    passed: bool | None
    reason: str
    metrics: Metrics
    tolerance: Tolerance

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return plain(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> OutputCheck:
        """The inverse of `to_json`."""
        head = (data["output"], data["batch"], data["passed"], data["reason"])
        return OutputCheck(*head, Metrics.from_json(data["metrics"]), Tolerance.from_json(data["tolerance"]))


def tolerances(
    reference: Reference,
    *,
    precision: str = "float32",
    runtime_budget: float = 0.0,
    overrides: Mapping[str, float] | None = None,
) -> dict[tuple[str, str], Tolerance]:
    """Derive the tolerance of every (output, batch) of a reference.

    `overrides` are the user's own, by output or for `EVERY` one: absolute errors, or for bool and integer outputs the
    part of the elements that may differ.

    Raises:
        ConfigError: an override for an output that is not there, a bad number, an unknown precision.
        VerifyError: the reference has no oracle.
    """
    overrides = overrides or {}
    names = [p.name for p in reference.contract.outputs]
    unknown = [n for n in overrides if n not in (*names, EVERY)]
    if unknown:
        hint = suggest(unknown[0], names, "outputs")
        raise ConfigError(f"a tolerance is given for {unknown[0]!r}, which is not an output", hint=hint)
    found: dict[tuple[str, str], Tolerance] = {}
    for name, measured in noises(reference).items():
        for tolerance in derive(
            measured,
            precision=precision,
            compute=reference.compute,
            runtime_budget=runtime_budget,
            override=overrides.get(name, overrides.get(EVERY)),
        ):
            found[name, tolerance.batch] = tolerance
    return found


def judge_batch(
    recording: Recording, actual: Mapping[str, Array], allowed: Mapping[tuple[str, str], Tolerance]
) -> list[OutputCheck]:
    """Check every output of a batch."""
    return [_judge(recording, name, actual, allowed[name, recording.batch.name]) for name in recording.outputs]


def overall(checks: Sequence[OutputCheck], contract: Contract) -> tuple[bool | None, str]:
    """Return whether the checks prove the artifact right (None: they prove nothing), and the reason as a sentence.

    Every output must have been judged on some batch, and every judgement must be good.
    """
    failed = [c for c in checks if c.passed is False]
    if failed:
        worst = max(failed, key=lambda c: c.metrics.max_relative)
        more = f" (and {len(failed) - 1} more checks failed)" if len(failed) > 1 else ""
        return False, f"output {worst.output!r}, batch {worst.batch!r}: {worst.reason}{more}"
    for port in contract.outputs:
        mine = [c for c in checks if c.output == port.name]
        if not any(c.passed for c in mine):
            reasons = list(dict.fromkeys(c.reason for c in mine)) or ["no batch was run"]
            others = f"; {len(reasons) - 1} more say as little" if len(reasons) > 1 else ""
            why = f"{reasons[0]}{others}"
            return None, f"output {port.name!r} was judged on no batch: {why}"
    idle = [c for c in checks if c.passed is None]
    passed = len(checks) - len(idle)
    notes = [f"{counted(passed, 'check')} passed"]
    notes += [f"output {c.output!r}, batch {c.batch!r} is no evidence: {c.reason}" for c in idle[:1]]
    notes += [f"so are {len(idle) - 1} more"] if len(idle) > 1 else []
    return True, "; ".join(notes)


def _judge(recording: Recording, name: str, actual: Mapping[str, Array], allowed: Tolerance) -> OutputCheck:
    expected = recording.outputs[name]
    batch = recording.batch.name
    if name not in actual:
        gone = Metrics(expected.shape, (), expected.dtype.name, "missing")
        reason = f"missing; the artifact gave {', '.join(actual) or 'nothing'}"
        return OutputCheck(name, batch, False, reason, gone, allowed)
    got = np.asarray(actual[name])
    oracle = (recording.oracle or {})[name]
    eval32 = (recording.eval32 or {})[name]
    exclude = unsettled(expected, oracle, eval32, recording.doubtful.get(name))
    metrics = compare(expected, got, exclude=exclude, oracle=oracle, margin=2 * allowed.atol)
    fault = _fault(metrics, allowed, is_discrete(expected))
    if fault:
        return OutputCheck(name, batch, False, fault + _hint(recording, name, got, metrics), metrics, allowed)
    if metrics.is_vacuous or not allowed.judges:
        reason = allowed.reason if not allowed.judges else "no finite elements"
        return OutputCheck(name, batch, None, reason, metrics, allowed)
    return OutputCheck(name, batch, True, "within tolerance", metrics, allowed)


def _fault(metrics: Metrics, allowed: Tolerance, discrete: bool) -> str:
    """Describe what is wrong; empty if nothing is."""
    if not metrics.same_shape:
        return f"shape {list(metrics.actual_shape)} instead of {list(metrics.expected_shape)}"
    if not metrics.same_dtype:
        return f"element type {metrics.actual_dtype} instead of {metrics.expected_dtype}"
    if metrics.nonfinite_mismatches:
        return f"{metrics.nonfinite_mismatches} elements are NaN or infinite on one side only"
    if not allowed.judges:
        return ""
    if discrete:
        share = metrics.mismatches / max(metrics.elements, 1)
        return f"{metrics.mismatches} of {metrics.elements} elements differ" if share > allowed.atol else ""
    if not metrics.max_abs <= allowed.atol:
        ratio = metrics.max_abs / allowed.atol if allowed.atol else float("inf")
        place = list(metrics.worst or ())
        return f"error {metrics.max_abs:.3g} at {place} is {ratio:.3g} times the tolerance {allowed.atol:.3g}"
    if metrics.argmax_agreement is not None and metrics.argmax_agreement < 1:
        return f"the largest element differs in {1 - metrics.argmax_agreement:.1%} of the clear cases"
    return ""


def _hint(recording: Recording, name: str, got: Array, metrics: Metrics) -> str:
    """Name a likely cause: transposed axes, or another output's values; None if the output nearly matches as it is."""
    if metrics.same_shape and metrics.max_abs <= PERMUTATION_RTOL * value_range(recording.outputs[name]):
        return ""
    perm = metrics.permutation or (find_permutation(recording.outputs[name], got) if metrics.same_shape else None)
    if perm:
        return f"; it matches after transposing {perm}"
    for other, expected in recording.outputs.items():
        same_shape = other != name and expected.shape == got.shape and expected.size
        if same_shape and compare(expected, got).max_abs <= PERMUTATION_RTOL * value_range(expected):
            return f"; it holds what output {other!r} should"
    return ""
