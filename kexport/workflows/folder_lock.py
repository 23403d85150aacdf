"""One writer at a time in an output folder, and signs of life in its staging folders.

Both are locks of the operating system on files, which end with the process that holds them, however it ends. The
library is imported on use: what only reads, as a bundle does, works without it.
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
"""The file, in the output folder, that is there while a process changes the folder, or after one was killed at it."""
ALIVE = ".alive"
"""The file in a staging folder whose lock is held as long as somebody works there."""
PATIENCE = 120.0
"""Seconds to wait for others: nobody holds a folder for longer than it takes to rename some files."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Be the only one to change a folder. Not to be nested. The lock's file is gone afterwards.

    Raises:
        ConfigError: another process does not let go of it.
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
        # Who waits for it finds that the file he has is no longer at its name, and tries again.
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


def sign_of_life(stage: Path) -> BaseFileLock:
    """The sign that somebody works in a staging folder, from now on until it is released or the process ends."""
    from filelock import FileLock

    lock = FileLock(stage / ALIVE)
    lock.acquire(timeout=0)
    return lock


def is_dead(stage: Path) -> bool:
    """Whether the process that made a staging folder has ended. To be asked while nobody makes another one."""
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
