"""Atomic output: everything is made in a hidden folder beside its destination and moved there when it is whole."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kexport.errors import ConfigError, EmitError

PREFIX = ".kexport-"
_STALE_SECONDS = 24 * 3600


@contextmanager
def staging(out: Path) -> Iterator[Path]:
    """A new hidden folder inside `out`, removed at the end; `out` is made if it isn't there.

    Raises:
        ConfigError: `out` is no folder or cannot be written.
        EmitError: the disk is full, or another error of the file system while the body runs.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        _remove_stale(out)
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=out))
    except OSError as e:
        hint = "choose a folder you may write to with -o"
        raise ConfigError(f"cannot write here: {e.strerror}", where=str(out), hint=hint) from e
    try:
        yield folder
    except OSError as e:
        raise EmitError(f"writing failed: {e.strerror or e}", where=str(e.filename or out)) from e
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish(source: Path, destination: Path) -> None:
    """Move a finished file or folder to its place, over what was there; durable before it is visible."""
    for file in files_of(source):
        with file.open("rb") as f:
            os.fsync(f.fileno())
    if destination.is_dir() and not destination.is_symlink():
        old = source.with_name(source.name + ".old")
        os.replace(destination, old)
        os.replace(source, destination)
        shutil.rmtree(old)
    else:
        os.replace(source, destination)


def remove(path: Path) -> None:
    """Remove a file or folder; fine if it isn't there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def files_of(path: Path) -> list[Path]:
    """The file itself, or all files in a folder, sorted."""
    return sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]


def _remove_stale(out: Path) -> None:
    """Remove what killed builds left behind."""
    for folder in out.glob(PREFIX + "*"):
        if folder.is_dir() and time.time() - folder.stat().st_mtime > _STALE_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)
