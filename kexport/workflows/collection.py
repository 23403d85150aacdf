"""Work without garbage collection of cycles."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collection(on: bool) -> Iterator[None]:
    """Collection of cycles inside is on or off, and after it as it was before.

    Off where graphs are made: their cycles live on anyway, and one scan of a framework's heap takes as long as writing
    an artifact. On where models are run.
    """
    enabled = gc.isenabled()
    (gc.enable if on else gc.disable)()
    try:
        yield
    finally:
        (gc.enable if enabled else gc.disable)()
