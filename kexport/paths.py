"""Checks paths that a file names: they must stay inside the folder of that file."""

from __future__ import annotations

import os
import re
from pathlib import Path

from kexport.errors import KexportError, VerifyError

MAX_PATH = 1024
"""Characters of a whole path."""
MAX_PART = 200
"""Bytes of one part of a path; every file system takes as many."""
_FORBIDDEN = frozenset('\\:*?"<>|')
"""Characters that Windows gives a meaning or refuses."""
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)
"""Names that Windows takes for devices, with any extension."""
PASSED_OVER = frozenset((".DS_Store",))
"""Files that desktops leave in folders, and that belong to no artifact."""


def problem_with(path: object) -> str:
    """Return why a path from a file must not be followed, on any system; empty if it may be.

    Only relative paths are allowed, with slashes between their parts, that lead downward.
    """
    if not isinstance(path, str) or not path:
        return "is no path"
    if len(path) > MAX_PATH:
        return "is too long"
    if any(c in _FORBIDDEN or ord(c) < 32 or 0xD800 <= ord(c) < 0xE000 for c in path):
        return "has characters that a path may not have"
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts):
        return "leads out of its folder"
    if any(part[-1] in ". " or _DEVICE.fullmatch(part) for part in parts):
        return "is a name that not every system has"
    return "is too long" if any(len(part.encode()) > MAX_PART for part in parts) else ""


def is_inside(path: object) -> bool:
    """Return whether a path from a file stays in its folder, on every system."""
    return not problem_with(path)


def inside(folder: Path, path: object, error: type[KexportError] = VerifyError) -> Path:
    """Resolve a path from a file: a file or folder below `folder`, or nothing yet.

    Links are followed, and must not lead out either.

    Raises:
        error: the path leaves the folder, or what is there is neither a file nor a folder.
    """
    problem = problem_with(path)
    found = folder / str(path)
    if not problem:
        problem = _problem_there(folder, found)
    if problem:
        raise error(f"it names {str(path)[:MAX_PART]!r}, which {problem}", where=str(folder))
    return found


def _problem_there(folder: Path, found: Path) -> str:
    """Return what is wrong with a file in its place, if it exists."""
    try:
        real = Path(os.path.realpath(found))
        if not real.is_relative_to(os.path.realpath(folder)):
            return "is a link that leads out of its folder"
        return "is no regular file" if real.exists() and not (real.is_file() or real.is_dir()) else ""
    except (OSError, ValueError) as e:
        return f"cannot be followed: {e}"


def all_files(path: Path) -> list[Path]:
    """Return the file itself, or all files and links in a folder, sorted, without what a desktop leaves there."""
    if not path.is_dir():
        return [path]
    found: list[Path] = []
    for folder, folders, files in os.walk(path):
        links = [name for name in folders if Path(folder, name).is_symlink()]
        found += [Path(folder, name) for name in (*links, *files) if name not in PASSED_OVER]
    return sorted(found)
