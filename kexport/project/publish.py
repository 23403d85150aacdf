"""Publishing: what was made in a staging folder becomes what lies in the output folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import kexport
from kexport.ir.contract import Contract
from kexport.project.build import Build
from kexport.project.manifest import ArtifactEntry, FileEntry, ModelEntry, file_entries, read_manifest, write_manifest
from kexport.project.staging import publish, remove
from kexport.verify import graph_file as captured_file
from kexport.verify.status import Status

QUARANTINE = "quarantine"
"""The folder, inside the output folder, for artifacts that failed their check."""


@dataclass(frozen=True)
class Export:
    """One model with all that was made of it, each artifact in a folder of its own."""

    name: str
    fingerprint: str
    contract: Contract
    builds: tuple[Build, ...]
    beside: Mapping[str, Path]
    """Files that are no artifacts, by the attribute of a `ModelEntry` that tells of them."""


def publish_export(made: Export, out: Path, stage: Path) -> dict[str, ArtifactEntry]:
    """Move everything to its place, the manifest last; failed artifacts go to quarantine.

    Returns:
        What the manifest says of each artifact, by target.
    """
    models = read_manifest(out)
    entry = _model_entry(models.get(made.name), made)
    for build in made.builds:
        entry.artifacts[build.target.name] = _publish_artifact(build, out)
    _remove_if_empty(out / QUARANTINE)
    if "captured" not in made.beside:
        remove(out / f"{made.name}{captured_file.SUFFIX}")
    for attribute, file in made.beside.items():
        setattr(entry, attribute, _publish_file(file, out))
    models[made.name] = entry
    write_manifest(out, models, stage)
    return {b.target.name: entry.artifacts[b.target.name] for b in made.builds}


def _publish_artifact(build: Build, out: Path) -> ArtifactEntry:
    paths = sorted(build.path.parent.iterdir())
    files = file_entries(build.path.parent, paths)
    folder = Path(QUARANTINE) if build.status is Status.FAILED else Path()
    (out / folder).mkdir(exist_ok=True)
    for path in paths:
        remove(out / path.name)
        remove(out / QUARANTINE / path.name)
        publish(path, out / folder / path.name)
    moved = [dataclasses.replace(f, path=(folder / f.path).as_posix()) for f in files]
    options, verdicts = dataclasses.asdict(build.options), [v.to_json() for v in build.verdicts]
    place = (folder / build.path.name).as_posix()
    return ArtifactEntry(build.target.name, place, moved, build.status.value, options, verdicts)


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _publish_file(file: Path, out: Path) -> FileEntry:
    (entry,) = file_entries(file.parent, [file])
    publish(file, out / file.name)
    return entry


def _model_entry(old: ModelEntry | None, made: Export) -> ModelEntry:
    """A new entry; artifacts of other targets stay in it only if they were made from the same model."""
    new = ModelEntry(made.name, made.fingerprint, kexport.__version__, made.contract)
    if old and (old.fingerprint, old.kexport, old.contract) == (new.fingerprint, new.kexport, new.contract):
        new.artifacts, new.reference = old.artifacts, old.reference
    return new
