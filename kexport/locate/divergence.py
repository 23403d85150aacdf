"""Finds the first layer of an artifact whose value diverges, in one of its real runtimes."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kexport.engines.runner import TIMEOUT, RunResult, run_artifact
from kexport.evidence.plain import plain, special
from kexport.evidence.reference_file import Recording, Reference
from kexport.ir.contract import Contract
from kexport.ir.graph import Graph
from kexport.ir.op import Array
from kexport.locate.align import Alignment, align
from kexport.locate.checkpoints import Checkpoint, Reach, checkpoints, reaches
from kexport.lowered import Lowered, lower_for, optimize
from kexport.target import Runtime, Target
from kexport.verify.compare import is_float
from kexport.verify.judge import OutputCheck, judge_batch, tolerances
from kexport.verify.tolerance import coarser

OK = "ok"
DIVERGES = "diverges"
MERGED = "merged"
NO_EVIDENCE = "no evidence"
MAX_OPS = 4
"""The most ops of a layer that are named."""
CHANGED = "the graph made for this target computes something else from here on: a pass or its legalization is wrong"


@dataclass(frozen=True)
class LayerCheck:
    """The findings about one layer. `verdict` is ok, diverges, merged (into a later one) or no evidence."""

    layer: str
    op: str
    """The ops of the layer, in order: `conv+add`."""
    verdict: str
    error: float | None = None
    """The largest absolute error on the worst batch; the fraction of wrong elements if values are integers."""
    budget: float | None = None
    batch: str = ""
    reason: str = ""
    tensor: str = ""
    """Its name in the artifact."""
    computed: tuple[str, ...] = ()
    """The layers computed since the last visible values: this one, and those merged into it."""
    sources: tuple[str, ...] = ()
    """The visible layers from which it is computed; none for inputs."""

    @property
    def ratio(self) -> float | None:
        """The error in units of the budget."""
        if self.error is None or self.budget is None:
            return None
        return self.error / self.budget if self.budget else math.inf if self.error else 0.0

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> LayerCheck:
        """The inverse of `plain`."""
        numbers = {key: special(data[key]) for key in ("error", "budget")}
        names = {key: tuple(data[key]) for key in ("computed", "sources")}
        rest = {key: str(data[key]) for key in ("layer", "op", "verdict", "batch", "reason", "tensor")}
        values: dict[str, Any] = {**rest, **numbers, **names}
        return LayerCheck(**values)


@dataclass(frozen=True)
class Location:
    """The divergence of an artifact in one runtime. `status` and `reason` are those of its outputs' verdict."""

    target: str
    artifact: str
    runtime: str
    status: str
    reason: str
    layers: tuple[LayerCheck, ...] = ()
    note: str = ""
    """Why layers are not visible."""

    @property
    def first(self) -> LayerCheck | None:
        """The first layer that diverges."""
        return next((c for c in self.layers if c.verdict == DIVERGES), None)

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        layers = [plain(c) | {"ratio": plain(c.ratio)} for c in self.layers]
        return plain(self) | {"layers": layers, "first": self.first.layer if self.first else None}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Location:
        """The inverse of `to_json`."""
        rest = {key: str(data[key]) for key in ("target", "artifact", "runtime", "status", "reason", "note")}
        return Location(**rest, layers=tuple(LayerCheck.from_json(c) for c in data["layers"]))


@dataclass(frozen=True)
class Subject:
    """An artifact to examine, and the graph that it was made from."""

    path: Path
    target: Target
    options: Any
    contract: Contract
    graph: Graph
    """The captured graph."""

    @property
    def precision(self) -> str:
        return str(getattr(self.options, "precision", "float32"))

    def lowered(self) -> Lowered:
        """Lower the captured graph again, as it was for the artifact.

        Raises:
            UnsupportedError: the target cannot write it.
        """
        return lower_for(self.target, self.options, optimize(self.graph), self.contract)

    def aligned(self, inputs: Mapping[str, Array], points: Sequence[Checkpoint] | None = None) -> Alignment:
        """Find the tensors of the artifact that hold the layers, or the values at some `points`."""
        lowered = self.lowered()
        return align(self.graph, lowered.graph, lowered.tensors(), inputs, points)


def check_layers(
    subject: Subject,
    runtime: Runtime,
    layers: Reference,
    alignment: Alignment,
    timeout: float = TIMEOUT,
    points: Sequence[Checkpoint] | None = None,
) -> tuple[tuple[LayerCheck, ...], str]:
    """Check every checkpoint of the captured graph, in order of computation; also return why any are not visible.

    Args:
        subject: the artifact.
        runtime: the engine that shows its inner values.
        layers: the result of `layer_reference`.
        alignment: which tensors hold the layers.
        timeout: seconds for the engine.
        points: the values to compare; None for those that leave a layer.
    """
    points = checkpoints(subject.graph) if points is None else points
    result = _run(subject, runtime, layers, alignment, timeout)
    if not result.ok:
        return (), f"{result.status}: {result.message}"
    shown = [t for t in alignment.taps if all(t.tensor in outputs for outputs in result.outputs)]
    precision = coarser(subject.precision, runtime.precision)
    allowed = tolerances(layers, precision=precision, runtime_budget=runtime.budget)
    judged: dict[str, list[OutputCheck]] = {t.checkpoint: [] for t in shown}
    for recording, outputs in zip(layers.recordings, result.outputs, strict=True):
        actual = {
            t.checkpoint: as_kind(t.restore(outputs[t.tensor], s), d) for t in shown for s, d in [_like(recording, t)]
        }
        asked = dataclasses.replace(recording, outputs={n: recording.outputs[n] for n in actual})
        for check in judge_batch(asked, actual, allowed):
            judged[check.output].append(check)
    tensors = {t.checkpoint: t.tensor for t in shown}
    around = reaches(subject.graph, points, tensors.keys())
    rows = tuple(_row(p, judged.get(p.name), tensors, around[p.name], alignment.lost) for p in points)
    return rows, "" if shown else "the artifact has none of the tensors that its model should have"


def _run(subject: Subject, runtime: Runtime, layers: Reference, alignment: Alignment, timeout: float) -> RunResult:
    tensors = list(dict.fromkeys(t.tensor for t in alignment.taps))
    if not tensors:
        return RunResult("not applicable", f"the target {subject.target.name!r} does not tell where its layers are")
    batches = [r.batch.inputs for r in layers.recordings]
    return run_artifact(subject.path, subject.target.name, runtime, batches, timeout=timeout, taps=tensors)


def _like(recording: Recording, tap: Any) -> tuple[tuple[int, ...], Any]:
    expected = recording.outputs[tap.checkpoint]
    return expected.shape, expected.dtype


def as_kind(array: Array, dtype: Any) -> Array:
    """Convert to another width of the same kind of number, as engines keep flags and counts in types of their own."""
    wanted = np.zeros(0, dtype)
    same_kind = is_float(array) == is_float(wanted) and array.dtype.kind not in "OSU"
    return array.astype(dtype) if same_kind else array


def _row(
    point: Checkpoint,
    checks: Sequence[OutputCheck] | None,
    tensors: Mapping[str, str],
    reach: Reach,
    lost: str,
) -> LayerCheck:
    head = (point.name, "+".join([*reach.ops[:MAX_OPS], *(["..."] if len(reach.ops) > MAX_OPS else [])]))
    rest: dict[str, Any] = {
        "tensor": tensors.get(point.name, ""),
        "computed": reach.layers,
        "sources": reach.sources,
    }
    if point.name == lost:
        return LayerCheck(*head, DIVERGES, reason=CHANGED, **rest)
    if not checks:
        return LayerCheck(*head, MERGED, **rest)
    worst = max(checks, key=lambda c: (c.passed is False, c.passed is True, _ratio(c)))
    verdict = {True: OK, False: DIVERGES, None: NO_EVIDENCE}[worst.passed]
    return LayerCheck(*head, verdict, _error(worst), worst.tolerance.atol, worst.batch, worst.reason, **rest)


def _error(check: OutputCheck) -> float:
    m = check.metrics
    if not m.same_shape or m.nonfinite_mismatches:
        return math.inf
    discrete = not np.issubdtype(np.dtype(m.expected_dtype), np.inexact) and m.expected_dtype != "bfloat16"
    return m.mismatches / max(m.elements, 1) if discrete else m.max_abs


def _ratio(check: OutputCheck) -> float:
    atol = check.tolerance.atol
    error = _error(check)
    return error / atol if atol else math.inf if error else 0.0
