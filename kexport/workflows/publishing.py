"""Publishes an export: replaces what the output folder holds under the model's name."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from kexport.ir.contract import Contract
from kexport.target import Options
from kexport.verify.status import Status, Verdict
from kexport.version import __version__
from kexport.workflows.building import Build
from kexport.workflows.files import digest_of_files, files_of, is_folder
from kexport.workflows.manifest import (
    FILE,
    ArtifactEntry,
    FileEntry,
    ModelEntry,
    file_entries,
    manifest_text,
    read_settled,
)
from kexport.workflows.publication import Change, Put, publish_all
from kexport.workflows.runs_file import RunRow, put_runs, rows_of

QUARANTINE = "quarantine"
"""The folder, inside the output folder, for artifacts that failed their check."""


@dataclass(frozen=True)
class Made:
    """An artifact in a folder of its own, and its manifest entry at its destination."""

    folder: Path
    entry: ArtifactEntry
    runs: Sequence[RunRow] = ()
    """The times of its runs."""

    @staticmethod
    def of(build: Build) -> Made:
        """Make it from a build. A failed artifact goes to quarantine."""
        place = QUARANTINE if build.status is Status.FAILED else ""
        made = Made.at(place, build.path, build.target.name, build.lowered.options, build.status, build.verdicts)
        made.entry.facts = build.facts
        return made

    @staticmethod
    def at(place: str, path: Path, target: str, options: Options, status: Status, verdicts: Sequence[Verdict]) -> Made:
        """Make it from a path in a folder of its own; `place` is the output folder, or one in it."""
        root = PurePosixPath(place)
        files = file_entries(path.parent, sorted(path.parent.iterdir()))
        placed = [dataclasses.replace(f, path=(root / f.path).as_posix()) for f in files]
        said = [v.to_json() for v in verdicts]
        chosen = dataclasses.asdict(options)
        entry = ArtifactEntry(target, (root / path.name).as_posix(), placed, status.value, chosen, said)
        return Made(path.parent, entry, rows_of(target, entry.digest, verdicts))

    def puts(self) -> list[Put]:
        """The files and folders of the artifact."""
        return [self._put(self.folder / PurePosixPath(part).name, part) for part in self.entry.parts]

    def _put(self, source: Path, place: str) -> Put:
        inside = {f.path.removeprefix(f"{place}/"): f.sha256 for f in self.entry.files if f.path != place}
        return Put(source, place, digest_of_files(inside) if source.is_dir() else self.entry.hash_of(place))


@dataclass(frozen=True)
class Export:
    """One model with everything made from it."""

    name: str
    fingerprint: str
    contract: Contract
    artifacts: Sequence[Made]
    beside: Mapping[str, Path]
    """Files that are not artifacts, by the attribute of `ModelEntry` that lists them."""
    more: Sequence[Path] = ()
    """Files that the manifest does not list."""

    def entry(self, old: ModelEntry | None, keep: bool) -> ModelEntry:
        """Make the manifest's entry: it keeps an older export's artifacts of the same model, or all with `keep`."""
        new = ModelEntry(self.name, self.fingerprint, __version__, self.contract)
        if old and _is_same(old, new):
            new.artifacts = {target: a for target, a in old.artifacts.items() if keep or not a.kept}
            new.reference = old.reference
            new.graph = old.graph
            new.captured = old.captured
        elif old and keep:
            new.artifacts = {target: _kept(a, old.fingerprint) for target, a in old.artifacts.items()}
        for made in self.artifacts:
            new.artifacts[made.entry.target] = made.entry
        for attribute, file in self.beside.items():
            setattr(new, attribute, FileEntry.of(file, file.parent))
        return new


def publish_export(made: Export, out: Path, stage: Path, *, keep: bool = False) -> None:
    """Move everything made to its place, and remove what it replaces: both, or neither.

    Args:
        made: the files in the staging folder.
        out: the output folder.
        stage: the staging folder.
        keep: leave artifacts of another model that are in the folder under the same name.
    """

    def change() -> Change:
        models = read_settled(out)
        old = models.get(made.name)
        models[made.name] = made.entry(old, keep)
        puts = [put for artifact in made.artifacts for put in artifact.puts()]
        puts += [Put(file, file.name) for file in (*made.beside.values(), *made.more)]
        text = stage / FILE
        text.write_text(manifest_text(models), encoding="utf-8")
        puts += put_runs(out, stage, models[made.name], [row for artifact in made.artifacts for row in artifact.runs])
        gone = _replaced(puts, out) + (_stale(old, models[made.name], out) if old else [])
        listed = {put.place for put in puts}
        return Change([*puts, Put(text, FILE)], [p for p in dict.fromkeys(gone) if p not in listed])

    publish_all(out, stage, change)


def _is_same(old: ModelEntry, new: ModelEntry) -> bool:
    """Return whether one reference can judge the artifacts of both."""
    return (old.fingerprint, old.kexport, old.contract) == (new.fingerprint, new.kexport, new.contract)


def _kept(artifact: ArtifactEntry, fingerprint: str) -> ArtifactEntry:
    return dataclasses.replace(artifact, fingerprint=artifact.fingerprint or fingerprint, kept=True)


def _replaced(puts: Sequence[Put], out: Path) -> list[str]:
    """Return quarantined files with the names of new artifacts, and the other way round, whoever put them there."""
    others = [_twin(put.place) for put in puts]
    return [place for place in others if (out / place).exists()]


def _twin(place: str) -> str:
    return place.removeprefix(f"{QUARANTINE}/") if place.startswith(f"{QUARANTINE}/") else f"{QUARANTINE}/{place}"


def _stale(old: ModelEntry, new: ModelEntry, out: Path) -> list[str]:
    """Return what the manifest listed of the model and lists no longer; only names that its export gives count."""
    listed = {part for artifact in new.artifacts.values() for part in artifact.parts}
    listed |= {file.path for file in new.beside}
    parts = [(part, a) for a in old.artifacts.values() for part in a.parts if _may_go(part, new.name)]
    found = [place for part, artifact in parts for place in _ours(part, artifact, out)]
    found += [file.path for file in old.beside if _may_go(file.path, new.name)]
    return [place for place in found if place not in listed]


def _may_go(part: str, name: str) -> bool:
    return part.removeprefix(f"{QUARANTINE}/").startswith(f"{name}.") and part.count("/") <= part.startswith(QUARANTINE)


def _ours(part: str, artifact: ArtifactEntry, out: Path) -> list[str]:
    """Return a part of an artifact; in a folder with foreign files, only the artifact's own."""
    ours = [f.path for f in artifact.files if f.path.startswith(f"{part}/")]
    if is_folder(out / part) and {f.relative_to(out).as_posix() for f in files_of(out / part)} - set(ours):
        return ours
    return [part]
