"""Damaged Keras files load or are refused: no other error, no wait without an end, and nothing touched beside them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.keras_worker import Watch

SEED, COUNT = int(os.environ.get("FUZZ_SEED", "0")), int(os.environ.get("FUZZ_COUNT", "60"))
STARTING, EACH = 240, 5
"""Seconds for frameworks and for the files that are damaged, and for a mutant on the average."""


@pytest.mark.slow
def test_damaged_files_load_or_are_refused(root: Path, tmp_path: Path) -> None:
    """More of them: `FUZZ_SEED=1 FUZZ_COUNT=5000 pytest tests/fuzz/test_keras_files.py`."""
    command = [sys.executable, "-m", "tests.fuzz.keras_worker", str(tmp_path), str(SEED), str(COUNT)]
    log = tmp_path / "log"
    with log.open("w") as out:
        process = subprocess.Popen(command, cwd=root, stdout=out, stderr=subprocess.STDOUT)
        try:
            code: int | None = process.wait(STARTING + EACH * COUNT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            code = None
    lines = log.read_text(errors="replace").splitlines()
    begun = [line for line in lines if line.startswith("begin ")]
    ended = [line for line in lines if line.startswith("end ")]
    assert code == 0, f"ended with {code} at {(begun or lines)[-1:]}"
    assert len(ended) == COUNT
    assert [line for line in ended if "FAILED" in line or "TOUCHED" in line] == []
    assert any(": loaded" in line for line in ended)


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
