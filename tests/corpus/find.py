"""Which files below a folder are models."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

SUFFIXES = (".keras", ".h5", ".hdf5")
SAVED_MODEL = "saved_model.pb"


def find_models(folder: Path) -> Iterator[Path]:
    """Keras files and SavedModel folders below a folder, in order of their paths."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix.lower() in SUFFIXES:
            yield path
        elif path.name == SAVED_MODEL and path.is_file():
            yield path.parent
