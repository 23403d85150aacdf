"""Maps a file into memory."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kexport.errors import EmitError


@contextmanager
def mapped(path: Path) -> Iterator[memoryview]:
    """Return the bytes of a file.

    Raises:
        EmitError: it is empty, or cannot be read.
    """
    try:
        with path.open("rb") as file:
            if not path.stat().st_size:
                raise EmitError("the file is empty")
            found = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as e:
        raise EmitError(f"the file cannot be read: {e.strerror}") from e
    with found, memoryview(found) as view:
        yield view
