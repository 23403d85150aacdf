"""`kexport.layers.json` beside the manifest: the error of every layer in every engine, by model."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kexport.locate.divergence import Location
from kexport.workflows.side_file import SideFile


@dataclass(frozen=True)
class LayersEntry:
    """The errors found inside the artifacts of one model."""

    name: str
    batches: tuple[str, ...]
    capture: Mapping[str, str]
    """Layers whose captured graph differs from Keras, and why."""
    locations: tuple[Location, ...]
    sha256: Mapping[str, str]
    """Hashes of the artifacts' files by target, which tell whether these are still the ones that were examined."""

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return {
            "name": self.name,
            "batches": list(self.batches),
            "capture": dict(self.capture),
            "locations": [x.to_json() for x in self.locations],
            "sha256": dict(self.sha256),
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> LayersEntry:
        """The inverse of `to_json`."""
        locations = tuple(Location.from_json(x) for x in data["locations"])
        return LayersEntry(data["name"], tuple(data["batches"]), data["capture"], locations, data["sha256"])


LAYERS = SideFile("kexport.layers.json", "errors by layer", "kexport verify --locate", LayersEntry.from_json, "layers")


def keep_layers(folder: Path, new: LayersEntry) -> None:
    """Merge an entry into the file; do nothing if the folder cannot be written.

    Raises:
        VerifyError: the file is damaged.
    """
    if not os.access(folder, os.W_OK):
        return
    LAYERS.update(folder, new.name, lambda old: _merged(old, new))


def _merged(old: LayersEntry | None, new: LayersEntry) -> LayersEntry:
    """Merge new locations with the old ones of other targets."""
    if old is None:
        return new
    kept = [x for x in old.locations if x.target not in new.sha256]
    locations = sorted([*kept, *new.locations], key=lambda x: x.target)
    hashes = {**old.sha256, **new.sha256}
    return LayersEntry(new.name, new.batches, new.capture, tuple(locations), {t: hashes[t] for t in sorted(hashes)})
