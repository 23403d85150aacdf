"""verify: artifacts of a folder, checked again on this machine against their recorded reference. Needs no Keras."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from kexport.errors import ConfigError, VerifyError
from kexport.project.manifest import ArtifactEntry, ModelEntry, damage, find_folder, read_manifest
from kexport.project.progress import Progress, silent
from kexport.project.report import ArtifactReport, ExportReport
from kexport.target import find_target
from kexport.verify.check import Check, check_artifact
from kexport.verify.reference_file import Recording, Reference, load_reference, with_recordings
from kexport.verify.status import Status, Verdict, overall_status


def verify(
    dist: str | Path,
    *,
    name: str | None = None,
    reference: str | Path | None = None,
    tolerance: Mapping[str, float] | None = None,
    timeout: float = 300.0,
    browser: bool = False,
    progress: Progress | None = None,
) -> ExportReport:
    """Verify what the manifest of a folder lists: files against their hashes, numbers against the reference.

    Args:
        dist: the folder that `export` wrote, or one artifact in it.
        name: which model, if the folder holds several.
        reference: another reference file; None for the one in the folder.
        tolerance: allowed absolute error by output name, or "*" for all.
        timeout: seconds for each runtime.
        browser: run artifacts in a headless browser too.
        progress: told what is being done.

    Raises:
        ConfigError: no manifest, a model that is not in it, or no browser that could run any of it.
        VerifyError: the manifest or the reference is damaged.
    """
    tell = progress or silent
    path = Path(dist)
    folder = find_folder(path)
    entry = choose_model(read_manifest(folder), folder, name, path)
    recorded = _reference(entry, folder, reference)
    chosen = [a for a in entry.artifacts.values() if path == folder or (folder / a.path) == path]
    check = Check(contract=entry.contract, tolerances=tolerance, timeout=timeout, browser=browser)
    if browser:
        _require_browser(chosen)
    reports = []
    for i, artifact in enumerate(chosen):
        tell("verify", artifact.target, i / len(chosen))
        verdicts = _check(artifact, folder, recorded, check)
        size = sum(f.size for f in artifact.files)
        status = overall_status(verdicts).value
        reports.append(ArtifactReport(artifact.target, str(folder / artifact.path), size, status, 0.0, tuple(verdicts)))
    if not reports:
        raise ConfigError("the manifest lists no such artifact", where=str(path), hint="kexport verify the folder")
    return ExportReport(entry.name, entry.contract, tuple(reports))


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
        hint = f"models: {', '.join(models) or 'none'}; choose one with --name"
        what = f"there is no model {name!r} here" if name else f"the folder holds {len(models)} models"
        raise ConfigError(what, where=str(folder), hint=hint)
    return models[name]


def _reference(entry: ModelEntry, folder: Path, other: str | Path | None) -> Reference:
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
    completed = [dataclasses.replace(r, oracle=o.oracle, eval32=o.eval32) for r, o in pairs]
    return dataclasses.replace(with_recordings(reference, completed), compute=own.compute)


def _inputs_key(recording: Recording) -> tuple[bytes, ...]:
    return tuple(f"{n} {a.dtype} {a.shape}".encode() + a.tobytes() for n, a in recording.batch.inputs.items())


def _require_same_model(reference: Reference, entry: ModelEntry, where: str) -> None:
    recorded = reference.environment.model
    if recorded and recorded != entry.fingerprint:
        hint = "record it again from the model that was exported"
        raise VerifyError("the reference is of another model than the artifacts", where=where, hint=hint)


def _require_browser(artifacts: Sequence[ArtifactEntry]) -> None:
    """Raise unless one of the artifacts can run in a browser here."""
    runtimes = [r for a in artifacts for r in find_target(a.target).runtimes() if r.on_request]
    if not runtimes:
        raise ConfigError("none of these artifacts runs in a browser", hint="leave out --browser")
    if not any(r.version() for r in runtimes):
        raise ConfigError("no artifact can run in a browser here", hint=runtimes[0].how_to_install)


def _check(artifact: ArtifactEntry, folder: Path, reference: Reference, check: Check) -> list[Verdict]:
    target = find_target(artifact.target)
    check = dataclasses.replace(check, precision=artifact.options.get("precision", "float32"))
    problem = damage(folder, artifact.files)
    if problem is None:
        return check_artifact(folder / artifact.path, target, reference, check)
    return [_damaged(artifact, problem)]


def _damaged(artifact: ArtifactEntry, problem: str) -> Verdict:
    return Verdict(Path(artifact.path).name, artifact.target, "", None, "", "", Status.FAILED, f"damaged: {problem}")
