"""Makes temporary folders that are removed even if their process is killed: by the next export.

Each holds a file whose lock the system releases when the process ends, in whatever way.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: folders of killed processes stay
    fcntl = None

PREFIX = "kexport-"
ALIVE = ".alive"
_GRACE = 60.0
"""Seconds for which a new folder is left alone."""


class TemporaryFolder:
    """A new empty folder at `path` that lives until it is closed."""

    def __init__(self) -> None:
        self._root = Path(tempfile.mkdtemp(prefix=PREFIX))
        self._lock = os.open(self._root / ALIVE, os.O_RDWR | os.O_CREAT, 0o600)
        _try_lock(self._lock)
        self.path = self._root / "files"
        self.path.mkdir()

    def close(self) -> None:
        """Remove the folder and its contents."""
        shutil.rmtree(self._root, ignore_errors=True)
        os.close(self._lock)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make an empty folder for the duration of the block."""
    folder = TemporaryFolder()
    try:
        yield folder.path
    finally:
        folder.close()


def remove_dead() -> None:
    """Remove the temporary folders of this user whose processes have ended."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):
            if not folder.is_symlink() and folder.is_dir() and _is_mine(folder) and _is_dead(folder / ALIVE):
                shutil.rmtree(folder, ignore_errors=True)


def _is_mine(folder: Path) -> bool:
    return hasattr(os, "getuid") and folder.stat().st_uid == os.getuid()


def _is_dead(alive: Path) -> bool:
    """Return whether a folder that is not new is unlocked."""
    if alive.is_symlink() or not alive.is_file() or time.time() - alive.stat().st_mtime < _GRACE:
        return False
    descriptor = os.open(alive, os.O_RDWR)
    try:
        return _try_lock(descriptor)
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    """Try to take the lock; return whether it was taken."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
