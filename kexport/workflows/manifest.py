"""The manifest `kexport.json` beside the artifacts: contract, hashes, versions and verdicts."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from kexport.documents.malformed import Malformed
from kexport.documents.read import parse_json, validator
from kexport.errors import ConfigError, GraphError, VerifyError
from kexport.ir.contract import Contract
from kexport.paths import all_files, problem_with
from kexport.target import targets
from kexport.verify.status import Status, Verdict, overall_status
from kexport.workflows.files import files_of, sha256
from kexport.workflows.publication import settle
from kexport.workflows.staging import publish

__all__ = ["sha256"]

FILE = "kexport.json"
SCHEMA = 2
KIND = "kexport"
"""The name of the manifest's schema in `kexport.documents`."""
_MEASURED = ("seconds", "peak_bytes")
"""Fields that differ between equal runs, and are kept in a file of their own."""


@dataclass(frozen=True)
class FileEntry:
    """One file of an artifact: path relative to the manifest, size in bytes, SHA-256."""

    path: str
    size: int
    sha256: str

    @staticmethod
    def of(path: Path, root: Path) -> FileEntry:
        """The entry of a file below `root`."""
        return FileEntry(path.relative_to(root).as_posix(), path.stat().st_size, sha256(path))


@dataclass
class ArtifactEntry:
    """One artifact: its place, its files, its options and the findings about it.

    `verdicts` are as in the file: JSON objects with the hash of what they are about, or without for what is here.
    """

    target: str
    path: str
    files: list[FileEntry]
    status: str
    options: dict[str, Any] = field(default_factory=dict)
    verdicts: list[dict[str, Any]] = field(default_factory=list)
    fingerprint: str = ""
    """The hash of the model that it was made from, where that is not the one that the entry around it is about."""
    kept: bool = False
    """Whether it was left where it is by an export of another model, whose reference says nothing about it."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What the artifact states about itself, such as the oldest engine that runs it."""

    @property
    def parts(self) -> list[str]:
        """The files and folders that it consists of: its path, and those beside it."""
        beside = [f.path for f in self.files if not PurePosixPath(f.path).is_relative_to(self.path)]
        return [self.path, *beside]

    def hash_of(self, path: str) -> str:
        """Return the hash of one of its files."""
        return next(f.sha256 for f in self.files if f.path == path)

    @property
    def size(self) -> int:
        """The total bytes of the files that an engine reads."""
        target = targets().get(self.target)
        unread = target.unread if target is not None else ()
        return sum(f.size for f in self.files if not f.path.endswith(unread))

    @property
    def digest(self) -> str:
        """One hash for all files."""
        lines = [f"{f.path} {f.sha256}" for f in self.files]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def known(self) -> tuple[Verdict, ...]:
        """The verdicts about the listed files, without those about earlier ones."""
        digest = self.digest
        mine = [v for v in self.verdicts if v.get("sha256", digest) == digest]
        return tuple(Verdict.from_json({k: x for k, x in v.items() if k != "sha256"}) for v in mine)

    @property
    def current_status(self) -> str:
        """The status, if it is about the listed files."""
        return self.status if not self.verdicts or self.known() else Status.EMITTED.value

    def judged(self, verdicts: Sequence[Verdict]) -> None:
        """Replace its verdicts."""
        self.verdicts = [v.to_json() for v in verdicts]
        self.status = overall_status(verdicts).value

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        digest = self.digest
        said = [{k: x for k, x in v.items() if k not in _MEASURED} for v in self.verdicts]
        return asdict(self) | {"verdicts": [{**v, "sha256": v.get("sha256", digest)} for v in said]}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> ArtifactEntry:
        """The inverse of `to_json`."""
        return ArtifactEntry(**{**data, "files": [FileEntry(**f) for f in data["files"]]})


@dataclass
class ModelEntry:
    """One model: its contract, the hash of what was captured, its reference file and its artifacts by target.

    `graph` is the optimized graph as text, `captured` the captured one with its weights; not every manifest has them.
    """

    name: str
    fingerprint: str
    kexport: str
    contract: Contract
    reference: FileEntry | None = None
    artifacts: dict[str, ArtifactEntry] = field(default_factory=dict)
    graph: FileEntry | None = None
    captured: FileEntry | None = None

    @property
    def beside(self) -> list[FileEntry]:
        """The files that are not artifacts."""
        return [f for f in (self.reference, self.graph, self.captured) if f is not None]

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        artifacts = {target: a.to_json() for target, a in self.artifacts.items()}
        return asdict(self) | {"contract": self.contract.to_json(), "artifacts": artifacts}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> ModelEntry:
        """The inverse of `to_json`."""
        files = {key: FileEntry(**data[key]) if data[key] else None for key in ("reference", "graph", "captured")}
        artifacts = {target: ArtifactEntry.from_json(a) for target, a in data["artifacts"].items()}
        contract = Contract.from_json(data["contract"])
        return ModelEntry(data["name"], data["fingerprint"], data["kexport"], contract, artifacts=artifacts, **files)


def read_manifest(folder: Path) -> dict[str, ModelEntry]:
    """Read the models of a folder by name; empty if there is no manifest.

    An export that was killed after its deciding step is finished first.

    Raises:
        VerifyError: the manifest is damaged, or an unfinished export cannot be finished.
    """
    settle(folder)
    return read_settled(folder)


def read_settled(folder: Path) -> dict[str, ModelEntry]:
    """Like `read_manifest`, for a caller that holds the folder, in which nothing is unfinished."""
    path = folder / FILE
    if not path.exists():
        return {}
    try:
        data = parse_json(path.read_bytes())
        _check_version(data, path)
        validator(KIND)(data)
        models = {name: ModelEntry.from_json(entry) for name, entry in data["models"].items()}
        for name, model in models.items():
            _check_names(name, model)
        return models
    except (Malformed, GraphError) as e:
        what = f"the manifest is damaged: {e.what if isinstance(e, GraphError) else e}"
        raise VerifyError(what, where=str(path), hint="remove it, and export the model again") from e


def _check_version(data: Any, path: Path) -> None:
    version = data.get("schema") if isinstance(data, dict) else None
    if isinstance(version, int) and version != SCHEMA:
        hint = "remove it, and export the model again; or use the kexport version that made it"
        what = f"manifest has schema {version}, this kexport reads {SCHEMA}"
        raise VerifyError(what, where=str(path), hint=hint)


def _check_names(name: str, model: ModelEntry) -> None:
    """Reject paths that lead out of the folder, and names that contradict their place."""
    if model.name != name or "/" in name or problem_with(name):
        raise Malformed(f"it has a model {name!r} that is called {model.name!r}")
    for target, artifact in model.artifacts.items():
        if artifact.target != target:
            raise Malformed(f"its artifact for {target!r} is said to be for {artifact.target!r}")
        if not any(PurePosixPath(f.path).is_relative_to(artifact.path) for f in artifact.files):
            raise Malformed(f"it lists no file of {artifact.path!r}")
    for path in _paths(model):
        if problem := problem_with(path):
            raise Malformed(f"it lists {path!r}, which {problem}")


def _paths(model: ModelEntry) -> Iterator[str]:
    yield from (f.path for f in model.beside)
    for artifact in model.artifacts.values():
        yield artifact.path
        yield from (f.path for f in artifact.files)


def manifest_text(models: dict[str, ModelEntry]) -> str:
    """The bytes of a manifest, as text; the same for the same models."""
    data = {"schema": SCHEMA, "models": {name: models[name].to_json() for name in sorted(models)}}
    return json.dumps(data, indent=2, allow_nan=False, default=_plain) + "\n"


def write_manifest(folder: Path, models: dict[str, ModelEntry], stage: Path) -> None:
    """Write the manifest atomically, by way of the staging folder."""
    path = stage / FILE
    path.write_text(manifest_text(models), encoding="utf-8")
    publish(path, folder / FILE)


def find_folder(dist: Path) -> Path:
    """Return the manifest's folder for a folder or an artifact in it, quarantined ones included.

    Raises:
        ConfigError: there is no manifest.
        VerifyError: there is an unfinished export that cannot be finished.
    """
    for folder in (dist, dist.parent, dist.parent.parent):
        settle(folder)
        if (folder / FILE).is_file():
            return folder
    what = "no such file or folder" if not dist.exists() else f"there is no {FILE} here"
    hint = "give the folder that `kexport export -o` wrote"
    if dist.suffix == ".zip" and dist.is_file():
        what = "this command reads no bundles"
        hint = f"unzip {dist.name}, and give the folder dist/ that is in it"
    raise ConfigError(what, where=str(dist), hint=hint)


def file_entries(root: Path, paths: Sequence[Path]) -> list[FileEntry]:
    """Make entries for all files under `paths`, relative to `root`."""
    files = [f for p in paths for f in files_of(p)]
    return [FileEntry.of(f, root) for f in files]


def damage(folder: Path, entries: Sequence[FileEntry]) -> str | None:
    """Return how files differ from their entries, or None."""
    for entry in entries:
        path = folder / entry.path
        if not path.is_file():
            return f"{entry.path} is missing"
        if path.stat().st_size != entry.size:
            return f"{entry.path} has {path.stat().st_size} bytes, the manifest says {entry.size}"
        if sha256(path) != entry.sha256:
            return f"{entry.path} was changed: its SHA-256 is not the manifest's"
    return None


def damage_of(folder: Path, artifact: ArtifactEntry) -> str | None:
    """Return what is wrong with an artifact's files: missing, changed, or unlisted ones in its folder."""
    if problem := damage(folder, artifact.files):
        return problem
    found = {f.relative_to(folder).as_posix() for f in all_files(folder / artifact.path)}
    unlisted = sorted(found - {f.path for f in artifact.files})
    return f"{unlisted[0]} is not in the manifest" if unlisted else None


def _plain(value: Any) -> Any:
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} does not belong in a manifest")
