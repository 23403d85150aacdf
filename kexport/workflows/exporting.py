"""export: capture once, optimize once, then every target: lower, emit, check; and all of them published at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kexport.deadline import Clock, deadline
from kexport.engines.standby import standby
from kexport.errors import ConfigError, EmitError, KexportError, TimeUp
from kexport.evidence import graph_archive
from kexport.evidence.reference_file import SUFFIX, Reference, save_reference
from kexport.evidence.samples import Samples
from kexport.ir.graph import Graph
from kexport.lowered import optimize
from kexport.names import suggest
from kexport.proof.artifact import Check, unjudged
from kexport.target import Span
from kexport.workflows import graph_text_file
from kexport.workflows.building import Build, Choice, Refusal, adapt, all_refused, check, emit, lower, remarks
from kexport.workflows.choice import Names, choose_targets, make_options, model_name, place_of
from kexport.workflows.collection import collection
from kexport.workflows.graph_text_file import write_graph
from kexport.workflows.kept_graph import keep_graph
from kexport.workflows.place import check_place
from kexport.workflows.progress import Progress, silent, tell_runtimes
from kexport.workflows.publishing import Export, Made, publish_export
from kexport.workflows.quantizing import read_wish, split_targets, variant_of
from kexport.workflows.report import ArtifactReport, ExportReport
from kexport.workflows.requirement import Required, read_requirements, with_requirements
from kexport.workflows.staging import staging
from kexport.workflows.waiting import engines_of

if TYPE_CHECKING:
    from kexport.capture.capturing import Captured


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
    replace: Mapping[str, str] | None = None,
    architecture: str | None = None,
    verify: bool = True,
    layers: bool = False,
    samples: str | Path | None = None,
    only_samples: bool = False,
    reference: str | Path | None = None,
    tolerance: Mapping[str, float] | None = None,
    require: Required = (),
    keep: bool = False,
    strict: bool = False,
    quantize: Any = None,
    calibrate: Any = None,
    min_snr: float | None = None,
    min_agreement: float | None = None,
    budget: str | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    timeout: float = 600.0,
    progress: Progress | None = None,
) -> ExportReport:
    """Export a model to one or more formats and verify each artifact in its real runtime.

    Args:
        model: a live Keras model, a .keras or .h5 file, a SavedModel folder, or `module:function`.
        to: one or more targets or names of targets, "onnx" or "onnx,tflite" or a list; None for all that can emit here.
        out: folder for the artifacts, the reference and the manifest. What an older export of the same name left there
            is replaced: artifacts of another model, or made with other sizes or by another kexport, go.
        name: name of the artifacts; None for that of the model's file or folder without its ending, or where there is
            none the model's own.
        dims: sizes or names for dynamic dims: `{"batch": 1}`, `{"ids:1": "length"}`.
        trust: allow code stored in the model (Lambda layers) to run.
        custom: modules that define custom objects.
        signature: which signature of a SavedModel.
        example: a batch for a subclassed model that was never called.
        replace: what layers compute, by their names: an expression such as `x/127.5-1`, or `module:function`.
        architecture: the model that a file of weights is of: `module:function`, or a JSON file of `model.to_json()`.
        verify: run the artifacts; without it they are `valid` at best.
        layers: leave the captured graph with all its weights beside the artifacts, so that `locate` can look inside
            them anywhere. A failing artifact has it anyway, one that was judged by its inner layers, a model that
            draws random numbers, and a small one; of another one the weights are read from the model's file.
        samples: an .npz file, or a folder, of inputs to verify on besides generated ones.
        only_samples: verify on these alone, for models that generated inputs do not suit.
        reference: a file that `kexport reference` recorded, on a GPU say, to verify against instead of a run here.
        tolerance: allowed absolute error by output name, or "*" for all.
        require: what the artifacts have to reach, such as "verified" or "simulated:coreml"; what falls short is said,
            and the report is not ok.
        keep: leave artifacts of another model that lie in the folder under the same name.
        strict: write nothing if one of the targets refuses the model. Without it the others are written, and the
            report is not ok.
        quantize: a preset such as "int8" or "int8-weights", a TOML file of rules, or a `Recipe`.
        calibrate: data on which ranges are observed: a file or folder of arrays, a folder of images, an array, a dict
            of arrays by input, or an iterable of batches. None for `samples`.
        min_snr: the least signal to noise ratio in dB that quantization may leave of the float model's outputs.
        min_agreement: the least part of samples, from 0 to 1, on which both decide the same.
        budget: what may be lost and how large it may be, such as "agreement>=99.5%, size<=60%": the layers that hurt
            most stay in float until it is met.
        options: options by target: `{"onnx": {"opset": 21}}`.
        timeout: seconds for the whole. Where reading or writing takes longer, nothing is written; where verifying does,
            the artifacts are there, unjudged, and the report says what was judged until then.
        progress: told what is being done.

    Raises:
        KexportError: nothing was written; says what is wrong and what to do. Every target refuses the model, say.
    """
    tell = progress or silent
    choices = _choose(to, options or {})
    wish = read_wish(quantize, calibrate, samples, min_snr, min_agreement, budget)
    choices, lacking = split_targets(choices, wish, all_of_them=to is None) if wish else (choices, [])
    requirements = read_requirements(require)
    check_place(Path(out), model, name)  # what is wrong with it is said before the work
    how = {"example": example, "replace": replace, "architecture": architecture}
    clock = Clock(timeout)
    with standby(engines_of([t for t, _ in choices]) if verify else ()):  # they load beside the capture
        with deadline(timeout, "reading the model", where=place_of(model)):
            captured, graph = _capture(model, tell, dims=dims, trust=trust, custom=custom, signature=signature, **how)
        name = model_name(name, captured.source.name)
        floats = captured
        variant = variant_of(captured, graph, wish, tell)
        captured = variant.captured
        graph = variant.graph
        with deadline(clock.left, "fitting the graph to the formats", EmitError, name):
            lowered, refused = lower(choices, graph, captured.contract, tell)
        refused += lacking
        _stop(refused, strict or not lowered)
        out = Path(out)
        with staging(out) as stage:
            spans = [b.spans for b in lowered]
            given = Samples(Path(samples) if samples else None, only_samples)
            recording = cache(lambda: _reference(floats, reference, given, spans, clock, tell))
            with deadline(clock.left, "writing the artifacts", EmitError, name):
                builds, more = _emitted(lowered, stage, name, captured, recording if verify else None, tell)
            refused += more
            _stop(refused, bool(more) and (strict or not builds))
            recorded = _in_time(lambda: variant.answers(recording()), builds) if verify else None
            for build in builds:
                build.facts |= variant.facts
            if recorded is not None:
                _check(builds, recorded, captured, Check(tolerances=tolerance, timeout=timeout, clock=clock), tell)
            # One with less than all batches would prove too little wherever it is verified against later.
            beside = _write_beside(stage, name, graph, None if clock.left_out else recorded)
            whole = layers or wish is not None
            deep = whole or bool(recorded and recorded.random) or any(b.is_to_be_explained for b in builds)
            kept = stage / f"{name}{graph_archive.SUFFIX}"
            if (verify or layers) and keep_graph(captured.graph, kept, captured.source.path, whole=deep):
                beside["captured"] = kept
            tell("publish", str(out), None)
            made = [Made.of(b) for b in builds]
            publish_export(_described(captured, name, made, beside), out, stage, keep=keep)
    reports = (*_reports(builds, made, out), *_refused(refused))
    return with_requirements(
        ExportReport(name, captured.contract, reports, (*_notes(captured, builds), *variant.notes)), requirements
    )


def _choose(to: Names, options: Mapping[str, Mapping[str, Any]]) -> list[Choice]:
    """The targets with their options.

    Raises:
        ConfigError: see `choose_targets` and `make_options`; or options for something else.
    """
    choices = [(t, make_options(t, options.get(t.name, {}))) for t in choose_targets(to)]
    names = [t.name for t, _ in choices]
    for target in options:
        if target not in names:
            hint = suggest(target, names, "targets of this export")
            raise ConfigError(f"options for {target!r}, which is not a target of this export", hint=hint)
    return choices


def _stop(refused: Sequence[Refusal], whole: bool) -> None:
    if refused and whole:
        raise all_refused(refused)


def _emitted(
    builds: Sequence[Build],
    stage: Path,
    name: str,
    captured: Captured,
    recording: Callable[[], Reference] | None,
    tell: Progress,
) -> tuple[list[Build], list[Refusal]]:
    """The builds that could be emitted, and the targets that refuse the model only now."""
    done: list[Build] = []
    refusals: list[Refusal] = []
    for build in builds:
        try:
            if recording is not None:
                adapt(build, recording)
            emit(build, stage / build.target.name / f"{name}{build.target.suffix}", tell)
            done.append(build)
        except KexportError as e:
            refusals.append(Refusal(build.target.name, e))
    return done, refusals


def _refused(refusals: Sequence[Refusal]) -> list[ArtifactReport]:
    return [ArtifactReport.refused(r.target, str(r.error)) for r in refusals]


def _capture(model: Any, tell: Progress, **how: Any) -> tuple[Captured, Graph]:
    """The captured model, and its graph optimized."""
    from kexport.capture.capturing import capture
    from kexport.capture.weights import check_weights

    tell("capture", model if isinstance(model, str) else getattr(model, "name", ""), None)
    captured = capture(model, **how)
    check_weights(captured.source.model)
    tell("optimize", captured.graph.name, None)
    return captured, optimize(captured.graph)


@collection(on=True)
def _reference(
    captured: Captured,
    recorded: str | Path | None,
    samples: Samples,
    spans: Sequence[Mapping[str, Span]],
    clock: Clock,
    tell: Progress,
) -> Reference:
    from kexport.workflows.recording import adopt_reference, make_reference

    with deadline(clock.left, "running Keras and the graph", TimeUp):
        if recorded:
            return adopt_reference(captured, Path(recorded), tell, clock)
        return make_reference(captured, samples, tell, spans, clock)


def _in_time(recording: Callable[[], Reference], builds: Sequence[Build]) -> Reference | None:
    """Return the reference; where the time was over before, the artifacts are unjudged and there is none."""
    try:
        return recording()
    except TimeUp as e:
        for build in builds:
            build.verdicts = [unjudged(build.path, build.target, f"nothing was judged: {e.what}; {e.hint}")]
        return None


@collection(on=True)
def _check(builds: Sequence[Build], reference: Reference, captured: Captured, how: Check, tell: Progress) -> None:
    for i, build in enumerate(builds):
        tell("verify", build.target.name, i / len(builds))
        told = tell_runtimes(tell, build.target.name, i, len(builds))
        check(build, reference, captured, dataclasses.replace(how, tell=told))


def _write_beside(stage: Path, name: str, graph: Graph, recorded: Reference | None) -> dict[str, Path]:
    """What lies beside the artifacts, by its attribute of a `ModelEntry`."""
    files = {"graph": stage / f"{name}{graph_text_file.SUFFIX}"}
    write_graph(graph, files["graph"])
    if recorded is not None:
        files["reference"] = stage / f"{name}{SUFFIX}"
        save_reference(recorded, files["reference"])
    return files


def _described(captured: Captured, name: str, made: Sequence[Made], beside: Mapping[str, Path]) -> Export:
    from kexport.capture.fingerprint import fingerprint

    return Export(name, fingerprint(captured.source), captured.contract, made, beside)


def _notes(captured: Captured, builds: Sequence[Build]) -> tuple[str, ...]:
    """What is to be said of the model, and of its artifacts."""
    from kexport.capture.sources.predicting import remarks_of

    return (*remarks_of(captured.source.model), *remarks(builds))


def _reports(builds: Sequence[Build], made: Sequence[Made], out: Path) -> tuple[ArtifactReport, ...]:
    """A line for each artifact, at the place where it is now."""
    pairs = [(b, m.entry) for b, m in zip(builds, made, strict=True)]
    return tuple(
        ArtifactReport(e.target, str(out / e.path), e.size, e.status, b.seconds, tuple(b.verdicts), e.facts)
        for b, e in pairs
    )
