"""reduce: writes the smallest part of a model that still diverges to a folder that `verify` can run again."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kexport.engines.worker import find_runtime
from kexport.errors import ConfigError, KexportError, VerifyError
from kexport.evidence import graph_archive
from kexport.evidence.graph_archive import load_graph, save_graph
from kexport.evidence.plain import plain
from kexport.evidence.reference_file import SUFFIX, Reference, load_reference, save_reference
from kexport.ir.graph import Graph, Value
from kexport.ir.text import constant_table, to_text
from kexport.locate.checkpoints import checkpoints
from kexport.locate.divergence import LayerCheck, Location
from kexport.locate.reduce import (
    How,
    Part,
    Reduction,
    contract_of,
    emit_part,
    reduce_part,
    reference_of,
)
from kexport.lowered import lower_for, optimize
from kexport.names import suggest
from kexport.proof.artifact import Check, check_artifact
from kexport.target import find_target
from kexport.temporary import temporary_folder
from kexport.verify.status import Status, Verdict
from kexport.workflows import graph_text_file
from kexport.workflows.choice import make_options
from kexport.workflows.graph_text_file import write_graph
from kexport.workflows.locating import LocateReport, captured_graph, locate
from kexport.workflows.manifest import ArtifactEntry, file_entries, read_manifest, sha256
from kexport.workflows.place import check_folder
from kexport.workflows.progress import Progress, silent
from kexport.workflows.publishing import Export, Made, publish_export
from kexport.workflows.staging import staging
from kexport.workflows.verifying import Job, read_job

FILE = "reduced.json"
NAME = "reduced"
FORMAT = 1


@dataclass(frozen=True)
class ReduceReport:
    """The result of reducing a divergence."""

    model: str
    target: str
    runtime: str
    layer: str
    reproduced: bool
    """Whether the part fails when it is emitted on its own; if not, the divergence is in the artifact's file alone."""
    ops: tuple[str, ...]
    """The nodes of the part: `conv @ block/conv`."""
    reason: str
    """The engine's verdict on the part."""
    located: str
    """The engine's verdict on the layer in the whole artifact."""
    options: Mapping[str, Any]
    path: str = ""
    runs: int = 0
    same_file: bool | None = None
    """Whether kexport emits the artifact's very bytes from the captured graph now; None if that is not asked,
    because the part fails, or cannot be."""

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return plain(self)


def reduce(
    dist: str | Path,
    out: str | Path,
    *,
    target: str | None = None,
    runtime: str | None = None,
    timeout: float = 300.0,
    progress: Progress | None = None,
    **rest: Any,
) -> ReduceReport:
    """Write the smallest part of a model that still diverges: graph, weights, inputs, expected outputs, artifact.

    Args:
        dist: the folder that `export` wrote, or one artifact in it.
        out: the folder to write; `verify` runs it again, `check_reduced` emits it again.
        target: which artifact, by its target; None for the first that fails.
        runtime: which engine; None for the first in which it fails.
        timeout: seconds for reading what is there, and for each run.
        progress: told what is being done.
        rest: see `locate`.

    Raises:
        ConfigError: nothing diverges, or only the capture does.
        KexportError: see `locate`.
    """
    tell = progress or silent
    _refuse_other_things(Path(out))
    name, reference, model = (rest.get(key) for key in ("name", "reference", "model"))
    place = _place(Path(dist), target, name, reference)
    found = locate(place, timeout=timeout, progress=progress, **rest)
    location = _failing(found, place, runtime)
    how_to_read = {k: rest[k] for k in ("dims", "trust", "custom") if rest.get(k)}
    job = read_job(place, place, name, reference, timeout)
    graph = captured_graph(job, model, timeout, **how_to_read)
    artifact = job.model.artifacts[location.target]
    how = how_of(location.target, location.runtime, artifact.options, timeout)
    tell("reduce", location.runtime, None)
    reduction = _reduced(graph, location, found, job, how)
    same = None if reduction.reproduced else _is_ours(graph, job, artifact, how)
    report = _report(job.model.name, location, artifact, reduction, Path(out), same)
    _write(reduction, how, report, Path(out))
    return report


def check_reduced(folder: str | Path, timeout: float = 300.0) -> tuple[ReduceReport, Verdict]:
    """Emit a reduced part again, with kexport as it is now, and run it in its engine.

    Raises:
        ConfigError: the folder holds no such part.
        VerifyError: a file in it is damaged.
        KexportError: the target refuses the part.
    """
    folder = Path(folder)
    report = _read(folder)
    how = how_of(report.target, report.runtime, report.options, timeout)
    graph = load_graph(folder / f"{NAME}{graph_archive.SUFFIX}")
    reference = load_reference(folder / f"{NAME}{SUFFIX}")
    part = Part(graph, reference.recordings[0].batch.inputs)
    with temporary_folder() as folder:
        return report, _judge(part, how, emit_part(part, how, folder), reference)


def _judge(part: Part, how: How, path: Path, reference: Reference | None = None) -> Verdict:
    """Run an emitted part in the engine and judge it."""
    precision = str(getattr(how.options, "precision", "float32"))
    check = Check(precision=precision, runtimes=[how.runtime.name], timeout=how.timeout)
    return check_artifact(path, how.target, reference or reference_of(part), check)[0]


def how_of(target: str, runtime: str, options: Mapping[str, Any], timeout: float) -> How:
    """How to emit and run, by names."""
    found = find_target(target)
    return How(found, make_options(found, options), find_runtime(found, runtime), timeout)


def _place(dist: Path, target: str | None, name: str | None, reference: Any) -> Path:
    """Return the path of the artifact for a target; the folder without a target."""
    if target is None:
        return dist
    job = read_job(dist, dist, name, reference)
    chosen = [a for a in job.artifacts if a.target == find_target(target).name]
    if not chosen:
        hint = suggest(target, (a.target for a in job.artifacts), "there are")
        raise ConfigError(f"there is no artifact for {target!r} here", where=str(dist), hint=hint)
    return job.place(chosen[0])


def _failing(found: LocateReport, place: Path, runtime: str | None) -> Location:
    """Return the place of a failure, preferably one with a known layer."""
    failed = [x for x in found.locations if x.status == Status.FAILED.value and runtime in (None, x.runtime)]
    ran = [x for x in failed if x.layers]
    if ran:
        return next((x for x in ran if x.first), ran[0])
    if found.capture:
        what = f"the captured graph differs from Keras at layer {next(iter(found.capture))!r}, before any artifact"
        raise ConfigError(what, where=str(place), hint="this is a fault of kexport's capture: please report the model")
    if failed:
        raise ConfigError(f"no layer of what fails can be looked into: {failed[0].note}", where=str(place))
    hint = "kexport verify --locate shows every layer, and how near it is to its budget"
    raise ConfigError("nothing fails here, so there is nothing to reduce", where=str(place), hint=hint)


def _reduced(graph: Graph, location: Location, found: LocateReport, job: Job, how: How) -> Reduction:
    first = location.first
    nodes = list(graph.nodes)
    values = {p.name: nodes[p.node].outputs[p.result] for p in checkpoints(graph)}
    end: Value | None = values[first.layer] if first else None
    stops = [values[name] for name in first.sources] if first else []
    batches = {r.batch.name: r.batch for r in job.reference.recordings}
    batch = batches[first.batch if first and first.batch else found.batches[0]]
    return reduce_part(graph, end, stops, batch.inputs, how, _judge)


def _is_ours(graph: Graph, job: Job, artifact: ArtifactEntry, how: How) -> bool | None:
    """Return whether an artifact's files equal what is emitted now; None if nothing can be."""
    folder = (job.folder / artifact.path).parent
    with temporary_folder() as place:
        path = place / Path(artifact.path).name
        try:
            lower_for(how.target, how.options, optimize(graph), job.model.contract).write(path)
        except KexportError:
            return None
        emitted = file_entries(path.parent, sorted(path.parent.iterdir()))
    return all((folder / e.path).is_file() and sha256(folder / e.path) == e.sha256 for e in emitted)


def _report(
    model: str, location: Location, artifact: ArtifactEntry, reduction: Reduction, out: Path, same: bool | None
) -> ReduceReport:
    ops = tuple(f"{n.op.name} @ {n.origin}" if n.origin else n.op.name for n in reduction.part.graph.nodes)
    first: LayerCheck | None = location.first
    return ReduceReport(
        model,
        location.target,
        location.runtime,
        first.layer if first else "",
        reduction.reproduced,
        ops,
        reduction.verdict.reason,
        first.reason if first else location.reason,
        artifact.options,
        str(out),
        reduction.runs,
        same,
    )


def _write(reduction: Reduction, how: How, report: ReduceReport, out: Path) -> None:
    """Write a folder like that of `export` for the part as a model, with a note on its origin."""
    part = reduction.part
    graph = reduction.part.graph
    with staging(out) as stage:
        files = {"graph": graph_text_file.SUFFIX, "captured": graph_archive.SUFFIX, "reference": SUFFIX}
        beside = {attribute: stage / f"{NAME}{suffix}" for attribute, suffix in files.items()}
        fingerprint = _fingerprint(graph)
        write_graph(graph, beside["graph"])
        save_graph(graph, beside["captured"])
        save_reference(reference_of(part, fingerprint), beside["reference"])
        data = {"format": FORMAT} | report.to_json() | {"path": ""}
        (stage / FILE).write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
        emitted = _emitted(reduction, how, stage / "artifact")
        made = [_made(emitted, reduction.verdict, how)] if emitted else []
        publish_export(Export(NAME, fingerprint, contract_of(graph), made, beside, [stage / FILE]), out, stage)


def _refuse_other_things(out: Path) -> None:
    """Raise ConfigError unless the folder can be written, and is new or holds a reduced part."""
    check_folder(out)
    if out.exists() and any(out.iterdir()) and not (out / FILE).exists():
        raise ConfigError("the folder holds other things", where=str(out), hint="give a new folder with -o")


def _emitted(reduction: Reduction, how: How, folder: Path) -> Path | None:
    """Emit the part as an artifact; None if the target refuses it on its own."""
    folder.mkdir()
    try:
        return emit_part(reduction.part, how, folder)
    except KexportError:
        return None  # the verdict says why


def _made(path: Path, verdict: Verdict, how: How) -> Made:
    return Made.at("", path, how.target.name, how.options, verdict.status, [verdict])


def _fingerprint(graph: Graph) -> str:
    """Hash the text, which contains the hashes of all weights."""
    return hashlib.sha256("\n".join([to_text(graph), *sorted(constant_table(graph))]).encode()).hexdigest()


def _read(folder: Path) -> ReduceReport:
    path = folder / FILE
    if not path.is_file() or NAME not in read_manifest(folder):
        hint = "give the folder that `kexport reduce -o` wrote"
        raise ConfigError("there is no reduced part here", where=str(folder), hint=hint)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        fields = {f.name: data[f.name] for f in dataclasses.fields(ReduceReport)}
        return ReduceReport(**fields | {"ops": tuple(data["ops"]), "path": str(folder)})
    except (ValueError, KeyError, TypeError) as e:
        raise VerifyError("the description of the part is damaged", where=str(path), hint="reduce again") from e
