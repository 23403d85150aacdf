"""export: capture once, optimize once, then every target: legalize, emit, validate, verify, publish."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kexport
from kexport.errors import EmitError, Unsupported, UnsupportedError
from kexport.ir.graph import Graph
from kexport.names import suggest
from kexport.project import graph_file
from kexport.project.choice import Names, choose_targets, make_options, model_name
from kexport.project.collection import collection
from kexport.project.graph_file import write_graph
from kexport.project.manifest import ArtifactEntry, FileEntry, ModelEntry, file_entries, read_manifest, write_manifest
from kexport.project.progress import Progress, silent
from kexport.project.report import ArtifactReport, ExportReport
from kexport.project.staging import publish, remove, staging
from kexport.target import Options, Span, Target
from kexport.verify import graph_file as captured_file
from kexport.verify.check import Check, check_artifact, for_artifact
from kexport.verify.graph_file import save_graph
from kexport.verify.locate import Subject
from kexport.verify.peaks import find_peaks
from kexport.verify.reference_file import SUFFIX, Reference, save_reference
from kexport.verify.status import Status, Verdict, overall_status

if TYPE_CHECKING:
    from kexport.capture.capture import Captured

QUARANTINE = "quarantine"
"""The folder, inside the output folder, for artifacts that failed their check."""


@dataclass
class Build:
    """One artifact on its way: legalized graph, place in the staging folder, seconds spent."""

    target: Target
    options: Options
    graph: Graph
    seconds: float
    path: Path = Path()
    verdicts: list[Verdict] = dataclasses.field(default_factory=list)

    @property
    def status(self) -> Status:
        return overall_status(self.verdicts) if self.verdicts else Status.VALID


@collection(on=False)
def export(
    model: Any,
    to: Names = None,
    out: str | Path = "dist",
    *,
    name: str | None = None,
    dims: Mapping[str, int | str] | None = None,
    trust: bool = False,
    custom: Sequence[Any] = (),
    signature: str | None = None,
    example: Any = None,
    verify: bool = True,
    layers: bool = False,
    samples: str | Path | None = None,
    reference: str | Path | None = None,
    tolerance: Mapping[str, float] | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    timeout: float = 300.0,
    progress: Progress | None = None,
) -> ExportReport:
    """Export a model to one or more formats and verify each artifact in its real runtime.

    Args:
        model: a live Keras model, a .keras or .h5 file, a SavedModel folder, or `module:function`.
        to: one or more targets or names of targets, "onnx" or "onnx,tflite" or a list; None for all that can emit here.
        out: folder for the artifacts, the reference and the manifest; an artifact of the same name is replaced.
        name: name of the artifacts; None for the model's own.
        dims: sizes or names for dynamic dims: `{"batch": 1}`, `{"ids:1": "length"}`.
        trust: allow code stored in the model (Lambda layers) to run.
        custom: modules that define custom objects.
        signature: which signature of a SavedModel.
        example: a batch for a subclassed model that was never called.
        verify: run the artifacts; without it they are `valid` at best.
        layers: leave the captured graph and its weights beside the artifacts, so that `locate` can look inside them
            anywhere. A failing artifact has it anyway, and a model that draws random numbers.
        samples: an .npz file, or a folder, of inputs to verify on besides generated ones.
        reference: a file that `kexport reference` recorded, on a GPU say, to verify against instead of a run here.
        tolerance: allowed absolute error by output name, or "*" for all.
        options: options by target: `{"onnx": {"opset": 21}}`.
        timeout: seconds for each runtime.
        progress: told what is being done.

    Raises:
        KexportError: nothing was written; says what is wrong and what to do.
    """
    tell = progress or silent
    targets = choose_targets(to)
    chosen = {t.name: make_options(t, (options or {}).get(t.name, {})) for t in targets}
    _refuse_unknown(options or {}, chosen)
    captured, graph = _capture(model, tell, dims=dims, trust=trust, custom=custom, signature=signature, example=example)
    name = model_name(name, captured.source.name)
    builds = _legalize(targets, chosen, graph, tell)
    out = Path(out)
    with staging(out) as stage:
        write_graph(graph, stage / f"{name}{graph_file.SUFFIX}")
        spans = [b.target.spans(captured.contract, dataclasses.asdict(b.options)) for b in builds]
        recording = cache(lambda: _reference(captured, reference, samples, spans, tell))
        for build in builds:
            if verify:
                _adapt(build, recording)
            _emit(build, captured, stage / build.target.name / f"{name}{build.target.suffix}", tell)
        recorded = recording() if verify else None
        if recorded is not None:
            save_reference(recorded, stage / f"{name}{SUFFIX}")
            _verify(builds, recorded, captured, tolerance, timeout, tell)
        if layers or (recorded and recorded.random) or any(b.status is Status.FAILED for b in builds):
            save_graph(captured.graph, stage / f"{name}{captured_file.SUFFIX}")
        return _publish(builds, captured, recorded, out, stage, name, tell)


def _refuse_unknown(options: Mapping[str, Any], chosen: Mapping[str, Options]) -> None:
    from kexport.errors import ConfigError

    for target in options:
        if target not in chosen:
            hint = suggest(target, chosen, "targets of this export")
            raise ConfigError(f"options for {target!r}, which is not a target of this export", hint=hint)


def _capture(model: Any, tell: Progress, **how: Any) -> tuple[Captured, Graph]:
    from kexport.capture.capture import capture
    from kexport.capture.weights import check_weights
    from kexport.passes.pipeline import OPTIMIZE, run_passes

    tell("capture", model if isinstance(model, str) else getattr(model, "name", ""), None)
    captured = capture(model, **how)
    check_weights(captured.source.model)
    tell("optimize", captured.graph.name, None)
    graph = captured.graph.copy()
    run_passes(graph, OPTIMIZE)
    return captured, graph


def _legalize(targets: Sequence[Target], options: Mapping[str, Options], graph: Graph, tell: Progress) -> list[Build]:
    """A legalized copy per target. All unsupported nodes of all targets are reported at once."""
    builds, missing = [], []
    for target in targets:
        tell("legalize", target.name, None)
        start = time.perf_counter()
        copy = graph.copy()
        try:
            target.legalize(copy, options[target.name])
            target.emitters.check(copy)
        except UnsupportedError as e:
            missing += [Unsupported(i.where, f"{i.op} on {target.name}", i.reason) for i in e.items]
        builds.append(Build(target, options[target.name], copy, time.perf_counter() - start))
    if missing:
        raise UnsupportedError(missing, hint="change these layers, or leave the target out with --to")
    return builds


def _adapt(build: Build, recording: Callable[[], Reference]) -> None:
    """Let the target fit its options to the data, which is recorded only if it asks for that."""
    measure = cache(lambda: find_peaks(build.graph, recording()))
    build.options = build.target.adapt(build.graph, build.options, measure)


def _emit(build: Build, captured: Captured, path: Path, tell: Progress) -> None:
    tell("emit", build.target.name, None)
    start = time.perf_counter()
    path.parent.mkdir()
    build.target.write(build.graph, captured.contract, path, build.options)
    build.path = path
    try:
        build.target.validate(path)
    except EmitError as e:
        e.hint = e.hint or "this is a bug in kexport: please report it"
        raise
    build.seconds += time.perf_counter() - start


@collection(on=True)
def _reference(
    captured: Captured,
    recorded: str | Path | None,
    samples: str | Path | None,
    spans: Sequence[Mapping[str, Span]],
    tell: Progress,
) -> Reference:
    from kexport.project.recording import adopt_reference, make_reference

    return adopt_reference(captured, Path(recorded)) if recorded else make_reference(captured, samples, tell, spans)


@collection(on=True)
def _verify(
    builds: Sequence[Build],
    reference: Reference,
    captured: Captured,
    tolerance: Mapping[str, float] | None,
    timeout: float,
    tell: Progress,
) -> None:
    for i, build in enumerate(builds):
        tell("verify", build.target.name, i / len(builds))
        subject = Subject(build.path, build.target, build.options, captured.contract, captured.graph)
        check = Check(tolerances=tolerance, timeout=timeout, subject=subject)
        check = for_artifact(check, build.target, captured.contract, dataclasses.asdict(build.options))
        build.verdicts = check_artifact(build.path, build.target, reference, check)


def _publish(
    builds: Sequence[Build],
    captured: Captured,
    reference: Reference | None,
    out: Path,
    stage: Path,
    name: str,
    tell: Progress,
) -> ExportReport:
    """Move everything to its place, the manifest last; failed artifacts go to quarantine."""
    tell("publish", str(out), None)
    models = read_manifest(out)
    entry = _model_entry(models.get(name), captured, name)
    reports = []
    for build in builds:
        paths = sorted(build.path.parent.iterdir())
        files = file_entries(build.path.parent, paths)
        folder = out / QUARANTINE if build.status is Status.FAILED else out
        folder.mkdir(exist_ok=True)
        for path in paths:
            remove(out / path.name)
            remove(out / QUARANTINE / path.name)
            publish(path, folder / path.name)
        relative = (folder / build.path.name).relative_to(out).as_posix()
        entry.artifacts[build.target.name] = ArtifactEntry(
            build.target.name, relative, [dataclasses.replace(f, path=(folder.relative_to(out) / f.path).as_posix())
                                          for f in files],
            build.status.value, dataclasses.asdict(build.options), [v.to_json() for v in build.verdicts],
        )  # fmt: skip
        size = sum(f.size for f in files)
        reports.append(
            ArtifactReport(
                build.target.name, str(out / relative), size, build.status.value, build.seconds, tuple(build.verdicts)
            )
        )
    _remove_if_empty(out / QUARANTINE)
    entry.graph = _publish_file(stage / f"{name}{graph_file.SUFFIX}", out)
    if reference is not None:
        entry.reference = _publish_file(stage / f"{name}{SUFFIX}", out)
    inner = stage / f"{name}{captured_file.SUFFIX}"
    remove(out / inner.name)
    entry.captured = _publish_file(inner, out) if inner.exists() else None
    models[name] = entry
    write_manifest(out, models, stage)
    notes = tuple(f"{b.target.name}: {remark}" for b in builds for remark in b.target.remarks(b.graph, b.options))
    return ExportReport(name, captured.contract, tuple(reports), notes)


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _publish_file(file: Path, out: Path) -> FileEntry:
    (entry,) = file_entries(file.parent, [file])
    publish(file, out / file.name)
    return entry


def _model_entry(old: ModelEntry | None, captured: Captured, name: str) -> ModelEntry:
    """A new entry; artifacts of other targets stay in it only if they were made from the same model."""
    from kexport.capture.fingerprint import fingerprint

    new = ModelEntry(name, fingerprint(captured.source), kexport.__version__, captured.contract)
    if old and (old.fingerprint, old.kexport, old.contract) == (new.fingerprint, new.kexport, new.contract):
        new.artifacts, new.reference = old.artifacts, old.reference
    return new
