"""Damaged artifacts and SavedModels are read or refused: no other error, no long wait, nothing touched beside them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("tensorflow", reason="mutants of messages are made with its classes")

SEED = int(os.environ.get("FUZZ_SEED", "0"))
COUNT = int(os.environ.get("FUZZ_COUNT", "600"))
STARTING = 240
EACH = 2.0
"""Seconds for packages and for the artifacts that are damaged, and for a mutant on the average."""


@pytest.mark.parametrize(
    ("worker", "count", "good"),
    [("artifact_worker", COUNT, ": read in"), ("savedmodel_worker", COUNT // 6, ": loaded in")],
)
def test_damaged_files_are_read_or_refused(worker: str, count: int, good: str, root: Path, tmp_path: Path) -> None:
    """More of them: `FUZZ_SEED=1 FUZZ_COUNT=20000 pytest tests/fuzz/test_artifact_files.py`."""
    command = [sys.executable, "-m", f"tests.fuzz.{worker}", str(tmp_path), str(SEED), str(count)]
    log = tmp_path / "log"
    with log.open("w") as out:
        try:
            limit = STARTING + EACH * count
            code = subprocess.run(command, cwd=root, stdout=out, stderr=subprocess.STDOUT, timeout=limit).returncode
        except subprocess.TimeoutExpired:
            code = None
    lines = log.read_text(errors="replace").splitlines()
    begun = [line for line in lines if line.startswith("begin ")]
    ended = [line for line in lines if line.startswith("end ")]
    assert code == 0, f"ended with {code} at {(begun or lines)[-1:]}: {lines[-3:]}"
    assert len(ended) == count
    assert [line for line in ended if "FAILED" in line or "TOUCHED" in line] == []
    assert any(good in line for line in ended)
    assert any(": refused" in line for line in ended)
