"""Selects the code of a bundle: kexport without the rooms that read Keras models, and the packages of the targets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

import kexport
from kexport.errors import ConfigError
from kexport.target import GROUP

INIT = "__init__.py"
LEFT_OUT = ("capture", "reference")
"""Rooms of kexport that are needed only for Keras models."""
STARTER = Path(__file__).parent.parent / "cli" / "starter.py"
"""The program that a bundle runs."""
_OURS = re.compile(r"^\s*(?:from|import) (kexport_shared\.\w+|kexport_\w+)", re.MULTILINE)
"""Matches the import of a package that targets share, such as their JavaScript engine."""


def code_files(targets: Iterable[str]) -> list[tuple[str, Path | bytes]]:
    """Return the files that check artifacts of these targets: sorted paths, each with its source or its bytes."""
    entries = {e.name: e.value for e in entry_points(group=GROUP)}
    chosen = {name: entries[name] for name in sorted(targets)}
    files: dict[str, Path | bytes] = dict(_described(chosen))
    for package in ["kexport", *_packages({value.partition(":")[0].partition(".")[0] for value in chosen.values()})]:
        root = _folder(package)
        for file in sorted(root.rglob("*")):
            parts = file.relative_to(root).parts
            if file.is_file() and "__pycache__" not in parts and not (package == "kexport" and parts[0] in LEFT_OUT):
                files["/".join((*package.split("."), *parts))] = file
        if "." in package:
            files["/".join((package.partition(".")[0], INIT))] = root.parent / INIT
    return sorted(files.items())


def _described(chosen: dict[str, str]) -> Iterator[tuple[str, bytes]]:
    """The package metadata by which Python finds the targets in the folder."""
    folder = f"kexport-{kexport.__version__}.dist-info"
    yield f"{folder}/METADATA", f"Metadata-Version: 2.1\nName: kexport\nVersion: {kexport.__version__}\n".encode()
    lines = [f"[{GROUP}]", *(f"{name} = {value}" for name, value in chosen.items())]
    yield f"{folder}/entry_points.txt", ("\n".join(lines) + "\n").encode()


def _packages(found: set[str]) -> list[str]:
    """Return these packages and the packages of ours that they import, directly or indirectly."""
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
