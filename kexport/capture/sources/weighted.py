"""Refuses to replace a layer that has weights in the file: they would be lost, or go to another layer in silence."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from kexport.capture.sources.archive import is_archive
from kexport.errors import ConfigError


def refuse_weighted(path: Path, replaced: Mapping[str, str]) -> None:
    """Raise if a layer has weights that is to be replaced by what has none.

    A `.keras` file names weights by classes, counted in order: without a layer those behind it would take each other's.

    Args:
        path: the file, checked before.
        replaced: class names by the names of the layers.

    Raises:
        ConfigError: names the first such layer.
    """
    if not replaced:
        return
    by_class = is_archive(path)
    holders = set(_holders(path))
    for name, kind in replaced.items():
        numbered = re.compile(rf"{re.escape(_snake(kind))}(_\d+)?")
        if name in holders or (by_class and any(numbered.fullmatch(h) for h in holders)):
            what = f"layer {name!r} cannot be replaced: the file holds weights of a {kind} layer, which would be lost"
            hint = "give its class with --custom MODULE, or export the live model: module:function"
            raise ConfigError(what, where="--replace", hint=hint)


def _holders(path: Path) -> Iterator[str]:
    """The names of all groups that hold arrays, however deep."""
    if not is_archive(path):
        yield from _groups(path)
        return
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            if member.endswith(".h5"):
                with archive.open(member) as file:
                    yield from _groups(file)


def _groups(file: Path | IO[bytes]) -> list[str]:
    import h5py

    found: list[str] = []

    def visit(place: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found.extend(re.split(r"[/\\]", place)[:-1])

    with h5py.File(file, "r") as opened:
        opened.visititems(visit)
    return found


def _snake(name: str) -> str:
    """A class name as Keras writes it into a file: `LayerNorm2` as `layer_norm2`."""
    plain = re.sub(r"\W+", "", name)
    plain = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", plain)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", plain).lower()
