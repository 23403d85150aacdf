"""Switches garbage collection of cycles off or on for a block."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collection(on: bool) -> Iterator[None]:
    """Switch the collection of cycles on or off inside, and restore it afterwards.

    It is off while graphs are made: their cycles stay alive anyway, and one scan of a framework's heap takes as long as
    writing an artifact. It is on while models run.
    """
    enabled = gc.isenabled()
    (gc.enable if on else gc.disable)()
    try:
        yield
    finally:
        (gc.enable if enabled else gc.disable)()
