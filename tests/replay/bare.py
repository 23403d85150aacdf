"""Python with a few packages and nothing else: what a board has."""

from __future__ import annotations

import sys
import venv
from collections.abc import Sequence
from importlib.metadata import distribution
from pathlib import Path


def bare_python(folder: Path, packages: Sequence[str]) -> Path:
    """The program of a new environment without pip, in which only these packages, installed here, can be imported."""
    venv.create(folder, symlinks=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = folder / "lib" / version / "site-packages"
    for package in packages:
        found = distribution(package)
        for name in sorted({file.parts[0] for file in found.files or () if file.parts[0] != ".."}):
            source = Path(str(found.locate_file(name)))
            if name != "__pycache__" and source.exists():
                (site / name).symlink_to(source)
    return folder / "bin" / "python"
