"""The manifest `kexport.json` beside the artifacts: contract, hashes, versions and verdicts."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from kexport.errors import ConfigError, VerifyError
from kexport.ir.contract import Contract
from kexport.project.files import files_of, sha256
from kexport.project.publication import settle
from kexport.project.staging import publish

__all__ = ["sha256"]

FILE = "kexport.json"
SCHEMA = 1


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
    """One artifact: where it is, what is in it, what made it and what was found out about it."""

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
    """What the artifact says of itself, such as the oldest engine that runs it."""

    @property
    def parts(self) -> list[str]:
        """The files and folders that it consists of: its path, and what lies beside it."""
        beside = [f.path for f in self.files if not PurePosixPath(f.path).is_relative_to(self.path)]
        return [self.path, *beside]

    def hash_of(self, path: str) -> str:
        """The hash of one of its files."""
        return next(f.sha256 for f in self.files if f.path == path)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(f.size for f in self.files)

    @property
    def digest(self) -> str:
        """One hash for all files."""
        lines = [f"{f.path} {f.sha256}" for f in self.files]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


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
        """The files that are no artifacts."""
        return [f for f in (self.reference, self.graph, self.captured) if f is not None]

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"contract": self.contract.to_json()}

    @staticmethod
    def from_json(data: dict[str, Any]) -> ModelEntry:
        files = [data["reference"], data.get("graph"), data.get("captured")]
        reference, graph, captured = (FileEntry(**f) if f else None for f in files)
        artifacts = {
            name: ArtifactEntry(**{**a, "files": [FileEntry(**f) for f in a["files"]]})
            for name, a in data["artifacts"].items()
        }
        return ModelEntry(
            data["name"],
            data["fingerprint"],
            data["kexport"],
            Contract.from_json(data["contract"]),
            reference,
            artifacts,
            graph,
            captured,
        )


def read_manifest(folder: Path) -> dict[str, ModelEntry]:
    """The models of a folder by name; empty if there is no manifest.

    An export into the folder that was killed after it had decided to take place is finished first.

    Raises:
        VerifyError: the manifest is damaged, or an unfinished export cannot be finished.
    """
    settle(folder)
    return read_settled(folder)


def read_settled(folder: Path) -> dict[str, ModelEntry]:
    """Like `read_manifest`, for who holds the folder, in which nothing is unfinished."""
    path = folder / FILE
    if not path.exists():
        return {}
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["schema"] != SCHEMA:
            hint = "export the model again, or use the kexport version that made it"
            raise VerifyError(f"manifest has schema {data['schema']}, this kexport reads {SCHEMA}", where=str(path),
                              hint=hint)  # fmt: skip
        return {name: ModelEntry.from_json(entry) for name, entry in data["models"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        hint = "remove it, and export the model again"
        raise VerifyError("the manifest is damaged", where=str(path), hint=hint) from e


def manifest_text(models: dict[str, ModelEntry]) -> str:
    """The bytes of a manifest, as text; the same for the same models."""
    data = {"schema": SCHEMA, "models": {name: models[name].to_json() for name in sorted(models)}}
    return json.dumps(data, indent=2, allow_nan=False, default=_plain) + "\n"


def write_manifest(folder: Path, models: dict[str, ModelEntry], stage: Path) -> None:
    """Write the manifest atomically, through the staging folder."""
    path = stage / FILE
    path.write_text(manifest_text(models), encoding="utf-8")
    publish(path, folder / FILE)


def find_folder(dist: Path) -> Path:
    """The folder of the manifest for a folder or an artifact in it, be it in quarantine.

    Raises:
        ConfigError: there is no manifest.
    """
    for folder in (dist, dist.parent, dist.parent.parent):
        settle(folder)
        if (folder / FILE).is_file():
            return folder
    what = "no such file or folder" if not dist.exists() else f"there is no {FILE} here"
    hint = "give the folder that `kexport export -o` wrote"
    if dist.suffix == ".zip" and dist.is_file():
        what, hint = "this command reads no bundles", f"unzip {dist.name}, and give the folder dist/ that is in it"
    raise ConfigError(what, where=str(dist), hint=hint)


def file_entries(root: Path, paths: Sequence[Path]) -> list[FileEntry]:
    """Entries for all files under `paths`, relative to `root`."""
    files = [f for p in paths for f in files_of(p)]
    return [FileEntry.of(f, root) for f in files]


def damage(folder: Path, entries: Sequence[FileEntry]) -> str | None:
    """What is wrong with files compared to their entries, or None."""
    for entry in entries:
        path = folder / entry.path
        if not path.is_file():
            return f"{entry.path} is missing"
        if path.stat().st_size != entry.size:
            return f"{entry.path} has {path.stat().st_size} bytes, the manifest says {entry.size}"
        if sha256(path) != entry.sha256:
            return f"{entry.path} was changed: its SHA-256 is not the manifest's"
    return None


def _plain(value: Any) -> Any:
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} does not belong in a manifest")
