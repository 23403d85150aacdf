"""A JSON file beside the manifest with an entry per model of the folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from kexport.documents.malformed import Malformed
from kexport.documents.read import read_json
from kexport.errors import VerifyError
from kexport.workflows.publication import Change, Put, publish_all
from kexport.workflows.staging import staging

SCHEMA = 1


class Entry(Protocol):
    """The entry of one model."""

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        ...


E = TypeVar("E", bound=Entry)


@dataclass(frozen=True)
class SideFile(Generic[E]):
    """One kind of file: its name, its contents, the command that renews it, and the reader of an entry."""

    name: str
    content: str
    command: str
    entry: Callable[[Mapping[str, Any]], E]
    schema: str
    """The name of its schema in `kexport.documents`."""

    def read(self, folder: Path) -> dict[str, E]:
        """Read the entries of a folder, by model; empty if there is no file.

        Raises:
            VerifyError: the file is damaged.
        """
        path = folder / self.name
        if not path.exists():
            return {}
        try:
            data = read_json(path, self.schema)
            return {name: self.entry(entry) for name, entry in data["models"].items()}
        except (Malformed, OSError) as e:
            hint = f"remove it, and run {self.command} again"
            raise VerifyError(f"the {self.content} are damaged: {e}", where=str(path), hint=hint) from e

    def update(self, folder: Path, name: str, change: Callable[[E | None], E]) -> None:
        """Replace the entry of a model by what `change` returns for it, while holding the folder.

        Raises:
            ConfigError: the folder cannot be written, or another process holds it.
            VerifyError: the file is damaged.
        """

        def changed() -> dict[str, E]:
            entries = self.read(folder)
            return entries | {name: change(entries.get(name))}

        with staging(folder) as stage:
            publish_all(folder, stage, lambda: Change([self.put(stage, changed())]))

    def write(self, folder: Path, entries: Mapping[str, E]) -> None:
        """Write the file anew, atomically."""
        with staging(folder) as stage:
            publish_all(folder, stage, lambda: Change([self.put(stage, entries)]))

    def put(self, stage: Path, entries: Mapping[str, E]) -> Put:
        """Write the file with these entries to a staging folder."""
        data = {"schema": SCHEMA, "models": {name: entries[name].to_json() for name in sorted(entries)}}
        path = stage / self.name
        path.write_text(json.dumps(data, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        return Put(path, self.name)
