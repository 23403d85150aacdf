"""Handles files and folders that are artifacts: lists, hashes, removes and syncs them."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path


def is_folder(path: Path) -> bool:
    """Return whether a path is a folder itself, not a link to one."""
    return path.is_dir() and not path.is_symlink()


def files_of(path: Path) -> list[Path]:
    """The file itself, or all files in a folder, sorted."""
    return sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]


def remove(path: Path) -> None:
    """Remove a file or folder; fine if it isn't there."""
    if is_folder(path):
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def digest_of(path: Path) -> str:
    """Hash a file, or all files in a folder with their paths."""
    if not path.is_dir():
        return sha256(path)
    return digest_of_files({f.relative_to(path).as_posix(): sha256(f) for f in files_of(path)})


def digest_of_files(hashes: Mapping[str, str]) -> str:
    """Combine the paths and hashes of files into one hash."""
    lines = [f"{path} {hashes[path]}" for path in sorted(hashes)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def sync(path: Path) -> None:
    """Sync a file, or a folder with its contents, to the disk."""
    for file in files_of(path):
        with file.open("rb") as f:
            os.fsync(f.fileno())
    if path.is_dir():
        for folder in (path, *(p for p in path.rglob("*") if p.is_dir())):
            sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Sync the names in a folder to the disk, if the system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
