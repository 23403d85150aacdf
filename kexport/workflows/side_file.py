"""A JSON file beside the manifest that holds an entry for each model of the folder."""

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
    """What such a file holds of one model."""

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        ...


E = TypeVar("E", bound=Entry)


@dataclass(frozen=True)
class SideFile(Generic[E]):
    """One kind of file: its name, what is in it, the command that makes it anew, and how an entry is read."""

    name: str
    content: str
    command: str
    entry: Callable[[Mapping[str, Any]], E]
    schema: str
    """The name of its schema in `kexport.documents`."""

    def read(self, folder: Path) -> dict[str, E]:
        """The entries of a folder, by model; empty if there is no file.

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
        """Replace the entry of a model by what `change` makes of it, while nobody else changes the folder.

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
        """The file with these entries, in a staging folder."""
        data = {"schema": SCHEMA, "models": {name: entries[name].to_json() for name in sorted(entries)}}
        path = stage / self.name
        path.write_text(json.dumps(data, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        return Put(path, self.name)
