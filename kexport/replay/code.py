"""The code that goes into a bundle: kexport without what reads Keras models, and the packages of the targets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

import kexport
from kexport.errors import ConfigError
from kexport.target import GROUP

LEFT_OUT = ("capture", "reference")
"""Rooms of kexport that only work with a Keras model needs."""
STARTER = Path(__file__).parent.parent / "cli" / "starter.py"
"""The program of a bundle."""
_OURS = re.compile(r"^\s*(?:from|import) (kexport_\w+)", re.MULTILINE)
"""An import of a package that targets share, such as their engine in JavaScript."""


def code_files(targets: Iterable[str]) -> list[tuple[str, Path | bytes]]:
    """The files that check artifacts of these targets: their paths, sorted, and where they are or their bytes."""
    entries = {e.name: e.value for e in entry_points(group=GROUP)}
    chosen = {name: entries[name] for name in sorted(targets)}
    files: dict[str, Path | bytes] = dict(_described(chosen))
    for package in ["kexport", *_packages({value.partition(":")[0].partition(".")[0] for value in chosen.values()})]:
        root = _folder(package)
        for file in sorted(root.rglob("*")):
            parts = file.relative_to(root).parts
            if file.is_file() and "__pycache__" not in parts and not (package == "kexport" and parts[0] in LEFT_OUT):
                files["/".join((package, *parts))] = file
    return sorted(files.items())


def _described(chosen: dict[str, str]) -> Iterator[tuple[str, bytes]]:
    """What makes the targets known to whoever imports from the folder: the metadata of an installed package."""
    folder = f"kexport-{kexport.__version__}.dist-info"
    yield f"{folder}/METADATA", f"Metadata-Version: 2.1\nName: kexport\nVersion: {kexport.__version__}\n".encode()
    lines = [f"[{GROUP}]", *(f"{name} = {value}" for name, value in chosen.items())]
    yield f"{folder}/entry_points.txt", ("\n".join(lines) + "\n").encode()


def _packages(found: set[str]) -> list[str]:
    """These packages and those of ours that they import, directly or not."""
    waiting = list(found)
    while waiting:
        texts = (file.read_text(encoding="utf-8") for file in _folder(waiting.pop()).rglob("*.py"))
        new = {name for text in texts for name in _OURS.findall(text)} - found
        found |= new
        waiting += new
    return sorted(found)


def _folder(package: str) -> Path:
    spec = find_spec(package)
    places = list(spec.submodule_search_locations or []) if spec else []
    if len(places) != 1 or not Path(places[0]).is_dir():
        raise ConfigError(f"the package {package} is no folder that could be packed", hint="install it unzipped")
    return Path(places[0])
