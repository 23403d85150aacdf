"""Damaged Keras files load or are refused: no other error, no wait without an end, and nothing touched beside them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.fuzz.keras_worker import Watch
from tests.fuzz.rounds import run_round


@pytest.mark.slow
def test_damaged_files_load_or_are_refused(root: Path, tmp_path: Path) -> None:
    """More of them: `python -m tests.fuzz --minutes 30 keras`."""
    found = run_round("keras", 0, 60, tmp_path, root)
    assert (found.mutants, found.failures) == (60, [])
    assert found.outcomes["loaded"]


def test_what_is_touched_is_noticed(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    watch("os.system", ("x",))
    watch.on = True
    for event, arguments in (
        ("open", (str(tmp_path / "mutant.h5"), "r+b", os.O_RDWR)),
        ("open", (os.__file__, "r", os.O_RDONLY)),
        ("os.mkdir", (f"{tmp_path}/x", 511, -1)),
    ):
        watch(event, arguments)
    assert watch.found == []
    noticed = (
        ("os.system", (b"touch x",)),
        ("open", ("/etc/passwd", "r", os.O_RDONLY)),
        ("open", (os.__file__, "a", os.O_WRONLY)),
        ("os.remove", ("/x", -1)),
        ("socket.connect", (None, ("example.org", 80))),
    )
    for event, arguments in noticed:
        watch(event, arguments)
    assert len(watch.found) == len(noticed)
