"""Locks: one writer at a time in an output folder, and signs of life in its staging folders.

Both are locks of the operating system on files, which it releases when their process ends, in whatever way. The
library is imported on use, as readers such as a bundle work without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from kexport.errors import ConfigError

if TYPE_CHECKING:
    from filelock import BaseFileLock

LOCK = ".kexport.lock"
"""The file in the output folder that exists while a process changes the folder, or after one was killed doing so."""
ALIVE = ".alive"
"""The file in a staging folder whose lock is held while a process works there."""
PATIENCE = 120.0
"""Seconds to wait for others: a folder is held no longer than it takes to rename some files."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the exclusive right to change a folder; not reentrant. The lock's file is gone afterwards.

    Raises:
        ConfigError: another process does not release it in time.
        OSError: the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=PATIENCE)
    except Timeout:
        hint = "wait for the other kexport that writes there, or end it"
        raise ConfigError("another process holds this folder", where=str(folder), hint=hint) from None
    try:
        yield
    finally:
        # A waiting process finds that the file it locked is no longer at that name, and tries again.
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


def sign_of_life(stage: Path) -> BaseFileLock:
    """Mark a staging folder as in use, until the mark is released or the process ends."""
    from filelock import FileLock

    lock = FileLock(stage / ALIVE)
    lock.acquire(timeout=0)
    return lock


def is_dead(stage: Path) -> bool:
    """Return whether the process that made a staging folder has ended. Call it while no other is made."""
    from filelock import FileLock, Timeout

    if not (stage / ALIVE).is_file():
        return True
    lock = FileLock(stage / ALIVE)
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError):
        return False
    lock.release()
    return True
