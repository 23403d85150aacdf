"""locate: finds the first layer of each artifact that diverges, in each installed engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kexport.deadline import deadline
from kexport.errors import ConfigError, KexportError, VerifyError
from kexport.evidence.plain import plain
from kexport.evidence.reference_file import Reference
from kexport.ir.contract import Contract
from kexport.ir.graph import Graph
from kexport.locate.checkpoints import checkpoints
from kexport.locate.divergence import Location, check_layers
from kexport.locate.layers import keras_problems, layer_reference
from kexport.proof.artifact import Check, fitting
from kexport.target import find_target
from kexport.verify.status import Status, Verdict
from kexport.workflows.choice import known_options, place_of
from kexport.workflows.kept_graph import read_graph
from kexport.workflows.layers_file import LayersEntry, keep_layers
from kexport.workflows.manifest import ArtifactEntry, damage
from kexport.workflows.progress import Progress, silent
from kexport.workflows.report import ArtifactReport, ExportReport
from kexport.workflows.verifying import Job, check_job, kept, read_job, subject_of

BATCHES = 2
"""The most batches examined: those that failed worst, then the first ones."""


@dataclass(frozen=True)
class LocateReport:
    """The divergences of one model's artifacts, by artifact and engine."""

    name: str
    contract: Contract
    locations: tuple[Location, ...]
    capture: Mapping[str, str]
    """Layers whose captured graph differs from Keras, if its layers were recorded, and why."""
    batches: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """1 if an artifact failed its verification or the captured graph differs from the model, else 0."""
        return int(bool(self.capture) or any(x.status == Status.FAILED.value for x in self.locations))

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        locations = [location.to_json() for location in self.locations]
        return plain(
            {
                "name": self.name,
                "ok": not self.exit_code,
                "batches": self.batches,
                "capture": self.capture,
                "locations": locations,
            }
        )


@dataclass(frozen=True)
class Inside:
    """What is needed to examine the artifacts of a folder."""

    job: Job
    graph: Graph
    report: ExportReport
    layers: Reference


def locate(
    dist: str | Path,
    *,
    name: str | None = None,
    reference: str | Path | None = None,
    tolerance: Mapping[str, float] | None = None,
    timeout: float = 300.0,
    browser: bool = False,
    model: Any = None,
    progress: Progress | None = None,
    **how: Any,
) -> LocateReport:
    """Verify artifacts, and compare every visible layer with the captured graph.

    The findings are kept in `kexport.layers.json` beside the manifest, for `kexport report`, and in the manifest.

    Args:
        dist: the folder that `export` wrote, or one artifact in it.
        name: which model, if the folder holds several.
        reference: another reference file; None for the one in the folder.
        tolerance: for the outputs, as for `verify`; budgets of layers are always derived.
        timeout: seconds for reading what is there, and for each runtime.
        browser: examine artifacts in a headless browser too.
        model: the model again, if the folder does not hold the captured graph.
        progress: told what is being done.
        how: how to read the model: `dims`, `trust` and `custom` as for `export`.

    Raises:
        ConfigError: there is no captured graph, or the model is another one.
        KexportError: see `verify`.
    """
    tell = progress or silent
    job = read_job(Path(dist), Path(dist), name, reference, timeout)
    check = Check(tolerances=tolerance, timeout=timeout, browser=browser)
    inside = look_inside(job, captured_graph(job, model, timeout, **how), check, tell)
    locations = [
        location
        for artifact, checked in zip(job.artifacts, inside.report.artifacts, strict=True)
        for location in _locations(artifact, checked, inside, timeout, tell)
    ]
    kept(inside.report, job.folder, job.model)
    wrong = keras_problems(checkpoints(inside.graph), inside.layers, job.reference)
    batches = tuple(r.batch.name for r in inside.layers.recordings)
    hashes = {a.target: a.digest for a in job.artifacts}
    keep_layers(job.folder, LayersEntry(job.model.name, batches, wrong, tuple(locations), hashes))
    return LocateReport(job.model.name, job.model.contract, tuple(locations), wrong, batches)


def look_inside(job: Job, graph: Graph, check: Check, tell: Progress) -> Inside:
    """Verify the artifacts of a job, and evaluate its graph layer by layer."""
    report = check_job(job, check, tell)
    tell("evaluate", job.model.name, None)
    layers = layer_reference(graph, checkpoints(graph), job.reference, _batches(job, report))
    return Inside(job, graph, report, layers)


def captured_graph(job: Job, model: Any = None, timeout: float | None = None, **how: Any) -> Graph:
    """The graph that the artifacts of a job were made from, from its file or by capturing the model again.

    `timeout` is in seconds, for either.

    Raises:
        ConfigError: neither is there, or the model is another one.
        VerifyError: the file is damaged.
    """
    if model is not None:
        with deadline(timeout, "reading the model", where=place_of(model)):
            return _captured_again(job, model, how)
    entry = job.model.captured
    if entry is None:
        hint = "give the model with --model, or export it again with --layers"
        raise ConfigError("the graph that the artifacts were made from is not here", where=str(job.shown), hint=hint)
    if problem := damage(job.folder, [entry]):
        raise VerifyError(problem, where=str(job.shown), hint="export the model again with --layers")
    with deadline(timeout, "reading the graph", VerifyError, str(job.shown)):
        return read_graph(job.folder / entry.path, (job.folder, job.folder.absolute().parent, Path.cwd()))


def _captured_again(job: Job, model: Any, how: Mapping[str, Any]) -> Graph:
    from kexport.capture.capturing import capture
    from kexport.capture.fingerprint import fingerprint

    captured = capture(model, **how)
    if fingerprint(captured.source) != job.model.fingerprint:
        raise ConfigError("the model is another one than was exported", where=str(model))
    if captured.contract != job.model.contract:
        raise ConfigError("the model was exported with other sizes", where=str(model), hint="give the same --dim again")
    return captured.graph


def _batches(job: Job, report: ExportReport) -> list[str]:
    """Return the names of the batches to examine."""
    verdicts = [v for a in report.artifacts for v in a.verdicts]
    failed = [v.worst.batch for v in verdicts if v.worst and v.worst.passed is False]
    pairs = [(find_target(a.target), a.options) for a in job.artifacts]
    spans = [target.spans(job.model.contract, known_options(target, options)) for target, options in pairs]
    taken = [{r.batch.name for r in fitting(job.reference, job.model.contract, s)} for s in spans]
    every = fitting(job.reference, job.model.contract)
    fits = [r for r in every if all(r.batch.name in names for names in taken)] or every
    usual = [r.batch.name for r in fits if r.batch.kind != "extreme"] or [r.batch.name for r in fits]
    return list(dict.fromkeys([*failed[:BATCHES], *usual]))[: max(BATCHES, len(set(failed[:BATCHES])))]


def _locations(
    artifact: ArtifactEntry, checked: ArtifactReport, inside: Inside, timeout: float, tell: Progress
) -> list[Location]:
    """Return one location per engine that ran the artifact; one without layers if none did."""
    subject = subject_of(inside.job, artifact, inside.graph)
    ran = {v.runtime: v for v in checked.verdicts if v.seconds is not None}
    runtimes = [r for r in subject.target.runtimes() if r.name in ran]
    if not runtimes:
        return [_location(artifact, v, note="it was not run") for v in checked.verdicts[:1]]
    try:
        alignment = subject.aligned(_smallest(inside.layers))
    except KexportError as e:
        return [_location(artifact, v, note=f"its layers cannot be found: {e}") for v in ran.values()]
    found: list[Location] = []
    for runtime in runtimes:
        tell("locate", runtime.name, None)
        rows, note = check_layers(subject, runtime, inside.layers, alignment, timeout)
        found.append(_location(artifact, ran[runtime.name], rows, note))
    return found


def _location(artifact: ArtifactEntry, verdict: Verdict, rows: Sequence[Any] = (), note: str = "") -> Location:
    head = (artifact.target, artifact.path, verdict.runtime)
    return Location(*head, verdict.status.value, verdict.reason, tuple(rows), note)


def _smallest(layers: Reference) -> Mapping[str, Any]:
    """Return the inputs of a small batch, if possible of usual values."""
    batches = [r.batch for r in layers.recordings]
    return min(batches, key=lambda b: (b.kind == "extreme", sum(a.size for a in b.inputs.values()))).inputs
