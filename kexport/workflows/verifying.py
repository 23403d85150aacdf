"""verify: artifacts of a folder, checked again on this machine against their recorded reference. Needs no Keras."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from kexport.deadline import deadline
from kexport.engines.runner import can_start_processes, run_here
from kexport.engines.standby import standby
from kexport.errors import ConfigError, VerifyError
from kexport.evidence.graph_archive import load_graph
from kexport.evidence.reference_file import Recording, Reference, load_reference, with_recordings
from kexport.ir.graph import Graph
from kexport.locate.divergence import Subject
from kexport.names import suggest
from kexport.proof.artifact import Check, RunArtifact, check_artifact, for_artifact
from kexport.target import find_target
from kexport.verify.status import Status, Verdict, overall_status
from kexport.workflows.bundle import is_bundle, opened
from kexport.workflows.choice import check_options, known_options, make_options
from kexport.workflows.intact import artifact_damage
from kexport.workflows.manifest import ArtifactEntry, ModelEntry, damage, find_folder, read_manifest
from kexport.workflows.progress import Progress, silent, tell_runtimes
from kexport.workflows.report import ArtifactReport, ExportReport
from kexport.workflows.requirement import Required, read_requirements, with_requirements
from kexport.workflows.unlisted import with_unlisted
from kexport.workflows.verdicts import keep_verdicts
from kexport.workflows.waiting import engines_of

OTHER_MODEL = "it is of another model than the reference, and was kept: there is nothing to compare it with"
"""What is said of an artifact that an export with --keep left."""


def verify(
    dist: str | Path,
    *,
    name: str | None = None,
    reference: str | Path | None = None,
    tolerance: Mapping[str, float] | None = None,
    timeout: float = 300.0,
    runtimes: Sequence[str] | None = None,
    browser: bool = False,
    require: Required = (),
    progress: Progress | None = None,
) -> ExportReport:
    """Verify what the manifest of a folder lists: files against their hashes, numbers against the reference.

    What is found is kept in the manifest. Artifacts in the folder that no manifest lists fail.

    Args:
        dist: the folder that `export` wrote, one artifact in it, or a bundle.
        name: which model, if the folder holds several.
        reference: another reference file; None for the one in the folder.
        tolerance: allowed absolute error by output name, or "*" for all.
        timeout: seconds for reading what is there, for reading each artifact, and for each runtime.
        runtimes: names of those to use; artifacts of others are not checked. None for all that run by default.
        browser: run artifacts in a headless browser too.
        require: what the artifacts have to reach, as for `export`.
        progress: told what is being done.

    Raises:
        ConfigError: no manifest, a model that is not in it, no such runtime, or no browser that could run any of it.
        VerifyError: the manifest, the reference or the bundle is damaged; or nothing of it can be run here.
    """
    requirements = read_requirements(require)
    check = Check(tolerances=tolerance, runtimes=runtimes, timeout=timeout, browser=browser, run=runner_here())
    with unpacked(Path(dist)) as path:
        job = read_job(path, Path(dist), name, reference, timeout)
        if runtimes is not None:
            job = dataclasses.replace(job, artifacts=_running(job.artifacts, runtimes))
        if browser:
            _require_browser(job.artifacts)
        targets = [find_target(a.target) for a in job.artifacts]
        with standby(engines_of(targets, browser) if check.run is None else ()):
            report = check_job(job, check, progress)
        if path == job.folder and not is_bundle(Path(dist)):
            report = with_unlisted(report, path)
        report = replayed(report) if is_bundle(Path(dist)) else kept(require_runs(report), job.folder, job.model)
    return with_requirements(report, requirements)


@dataclasses.dataclass(frozen=True)
class Job:
    """Artifacts to be checked, and what with."""

    model: ModelEntry
    artifacts: tuple[ArtifactEntry, ...]
    reference: Reference
    folder: Path
    """Where the files are."""
    shown: Path
    """Where they are for the user: the folder, or the bundle that it was unpacked from."""

    def place(self, artifact: ArtifactEntry) -> Path:
        """Where an artifact is."""
        return self.folder / artifact.path


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """The path itself, or the temporary folder with what is in a bundle."""
    if is_bundle(path):
        with opened(path) as folder:
            yield folder
    else:
        yield path


def read_job(
    path: Path, shown: Path, name: str | None, reference: str | Path | None, timeout: float | None = None
) -> Job:
    """What there is to check at a path, a folder or one artifact, with its reference; `timeout` is in seconds."""
    folder = find_folder(path)
    with deadline(timeout, "reading the manifest and the reference", VerifyError, str(shown)):
        entry = choose_model(read_manifest(folder), folder, name, path)
        recorded = choose_reference(entry, folder, reference)
    chosen = tuple(a for a in entry.artifacts.values() if path == folder or (folder / a.path) == path)
    if not chosen:
        raise ConfigError("the manifest lists no such artifact", where=str(shown), hint="kexport verify the folder")
    return Job(entry, chosen, recorded, folder, shown if is_bundle(shown) else folder)


def check_job(job: Job, check: Check, progress: Progress | None = None) -> ExportReport:
    """One report on all artifacts of a job."""
    tell = progress or silent
    reports: list[ArtifactReport] = []
    for i, artifact in enumerate(job.artifacts):
        tell("verify", artifact.target, i / len(job.artifacts))
        told = tell_runtimes(tell, artifact.target, i, len(job.artifacts))
        verdicts = _check(artifact, job, dataclasses.replace(check, tell=told))
        size = artifact.size
        status = overall_status(verdicts).value
        shown = str(job.shown / artifact.path)
        reports.append(ArtifactReport(artifact.target, shown, size, status, 0.0, tuple(verdicts), artifact.facts))
    return ExportReport(job.model.name, job.model.contract, tuple(reports))


def runner_here() -> RunArtifact | None:
    """How artifacts are run on this system; None for in processes of their own."""
    return None if can_start_processes() else run_here


def replayed(report: ExportReport) -> ExportReport:
    """The report with a note on which device it is from.

    Raises:
        VerifyError: no engine ran anything, so that it proves nothing.
    """
    verdicts = [v for a in require_runs(report).artifacts for v in a.verdicts]
    hosts = ", ".join(dict.fromkeys(v.host for v in verdicts if v.host and v.seconds is not None))
    return dataclasses.replace(report, notes=(*report.notes, f"checked on {hosts}")) if hosts else report


def require_runs(report: ExportReport) -> ExportReport:
    """The report itself.

    Raises:
        VerifyError: nothing failed, but no engine ran anything, so that it proves nothing.
    """
    verdicts = [v for a in report.artifacts for v in a.verdicts]
    if any(v.seconds is not None or v.status is Status.FAILED for v in verdicts):
        return report
    reasons = {v.artifact: v.reason for v in reversed(verdicts)}
    what = "; ".join(f"{artifact}: {reasons[artifact]}" for artifact in sorted(reasons))
    raise VerifyError(
        f"nothing was run: {what}", where=next((v.host for v in verdicts if v.host), None), hint=_engines(report)
    )


def kept(report: ExportReport, folder: Path, model: ModelEntry) -> ExportReport:
    """The report, whose verdicts are in the folder's manifest now; with a note if they cannot be."""
    # A verdict without a host is about no run: of a damaged file, or one of another model.
    said = {a.target: [v for v in a.verdicts if v.host] for a in report.artifacts}
    found = {target: verdicts for target, verdicts in said.items() if verdicts}
    problem = keep_verdicts(folder, model, found) if found else ""
    return dataclasses.replace(report, notes=(*report.notes, problem)) if problem else report


def _engines(report: ExportReport) -> str | None:
    """How to install an engine for one of the artifacts, without kexport."""
    runtimes = [r for a in report.artifacts for r in find_target(a.target).runtimes()]
    packages = dict.fromkeys(r.package for r in runtimes if r.package and r.version() is None)
    return f"pip install {' '.join(packages)}" if packages else None


def choose_model(models: Mapping[str, ModelEntry], folder: Path, name: str | None, path: Path) -> ModelEntry:
    """The entry called `name`, the one that `path` belongs to, or the only one.

    Raises:
        ConfigError: no such model, or no way to tell.
    """
    if name is None and path != folder:
        owners = [n for n, m in models.items() if any(folder / a.path == path for a in m.artifacts.values())]
        name = owners[0] if owners else None
    if name is None and len(models) == 1:
        return next(iter(models.values()))
    if name is None or name not in models:
        hint = f"{suggest(name, models, 'models')}; choose one with --name"
        what = f"there is no model {name!r} here" if name else f"the folder holds {len(models)} models"
        raise ConfigError(what, where=str(folder), hint=hint)
    return models[name]


def choose_reference(entry: ModelEntry, folder: Path, other: str | Path | None) -> Reference:
    """The reference in the folder, or another one of the same model, completed from it where it needs that."""
    if other is None:
        return _own_reference(entry, folder)
    reference = load_reference(Path(other))
    _require_same_model(reference, entry, str(other))
    return reference if reference.has_oracle else _with_oracle_of(reference, _own_reference(entry, folder), str(other))


def _own_reference(entry: ModelEntry, folder: Path) -> Reference:
    if entry.reference is None:
        hint = "export again without --no-verify, or give --reference"
        raise VerifyError("there is no reference to verify against", where=str(folder), hint=hint)
    problem = damage(folder, [entry.reference])
    if problem:
        raise VerifyError(problem, where=str(folder), hint="export the model again")
    return load_reference(folder / entry.reference.path)


def _with_oracle_of(reference: Reference, own: Reference, where: str) -> Reference:
    """A reference recorded without the graph, completed from the folder's own where the inputs are the same."""
    known = {_inputs_key(r): r for r in own.recordings}
    pairs = [(r, known[_inputs_key(r)]) for r in reference.recordings if _inputs_key(r) in known]
    if not pairs:
        hint = "export the model again with --reference and this file"
        raise VerifyError("its inputs are others than those the model was exported with", where=where, hint=hint)
    completed = [dataclasses.replace(r, oracle=o.oracle, eval32=o.eval32, doubtful=o.doubtful) for r, o in pairs]
    return dataclasses.replace(with_recordings(reference, completed), compute=own.compute)


def _inputs_key(recording: Recording) -> tuple[bytes, ...]:
    return tuple(f"{n} {a.dtype} {a.shape}".encode() + a.tobytes() for n, a in recording.batch.inputs.items())


def _require_same_model(reference: Reference, entry: ModelEntry, where: str) -> None:
    recorded = reference.environment.model
    if recorded and recorded != entry.fingerprint:
        hint = "record it again from the model that was exported"
        raise VerifyError("the reference is of another model than the artifacts", where=where, hint=hint)


def _running(artifacts: Sequence[ArtifactEntry], runtimes: Sequence[str]) -> tuple[ArtifactEntry, ...]:
    """The artifacts that have one of these runtimes."""
    known = {a.target: [r.name for r in find_target(a.target).runtimes()] for a in artifacts}
    every = [name for names in known.values() for name in names]
    for wanted in runtimes:
        if wanted not in every:
            hint = suggest(wanted, every, "runtimes")
            raise ConfigError(f"none of these artifacts has a runtime {wanted!r}", hint=hint)
    return tuple(a for a in artifacts if set(known[a.target]) & set(runtimes))


def _require_browser(artifacts: Sequence[ArtifactEntry]) -> None:
    """Raise unless one of the artifacts can run in a browser here."""
    runtimes = [r for a in artifacts for r in find_target(a.target).runtimes() if r.on_request]
    if not runtimes:
        raise ConfigError("none of these artifacts runs in a browser", hint="leave out --browser")
    if not any(r.version() for r in runtimes):
        raise ConfigError("no artifact can run in a browser here", hint=runtimes[0].how_to_install)


def _check(artifact: ArtifactEntry, job: Job, check: Check) -> list[Verdict]:
    target = find_target(artifact.target)
    if problem := artifact_damage(job.folder, artifact):
        return [_without_run(artifact, Status.FAILED, f"damaged: {problem}")]
    if artifact.kept:
        return [_without_run(artifact, Status.EMITTED, OTHER_MODEL)]
    options = known_options(target, artifact.options)
    try:
        check_options(target, options)
        check = for_artifact(check, target, job.model.contract, options)
    except ConfigError as e:
        return [_without_run(artifact, Status.FAILED, f"its options in the manifest make no sense: {e.what}")]
    if check.runtimes is not None:
        known = [r.name for r in target.runtimes()]
        check = dataclasses.replace(check, runtimes=[name for name in check.runtimes if name in known])
    subject = _subject(artifact, job) if job.reference.random else None
    inner = partial(_subject, artifact, job) if job.model.captured else None
    check = dataclasses.replace(
        check, unchanged=True, subject=subject, inner=inner, quantized="quantization" in artifact.facts
    )
    return check_artifact(job.place(artifact), target, job.reference, check)


def _subject(artifact: ArtifactEntry, job: Job) -> Subject | None:
    """What an artifact was made from, where it can be said here: with the target's packages and the captured graph."""
    target = find_target(artifact.target)
    entry = job.model.captured
    if entry is None or target.missing() or damage(job.folder, [entry]):
        return None
    return subject_of(job, artifact, load_graph(job.folder / entry.path))


def subject_of(job: Job, artifact: ArtifactEntry, graph: Graph) -> Subject:
    """An artifact as something to look into."""
    target = find_target(artifact.target)
    options = known_options(target, artifact.options)
    return Subject(job.place(artifact), target, make_options(target, options), job.model.contract, graph)


def _without_run(artifact: ArtifactEntry, status: Status, reason: str) -> Verdict:
    return Verdict(Path(artifact.path).name, artifact.target, "", None, "", "", status, reason)
