"""Damaged documents end every command as they should: no exit 70, no wait, and nothing touched beside them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.fuzz.rounds import Round, run_round

pytest.importorskip("onnx", reason="artifacts that documents are about are made with it")

SEED = int(os.environ.get("FUZZ_SEED", "0"))
COUNT = int(os.environ.get("FUZZ_COUNT", "80"))


def test_damaged_documents_end_commands_as_they_should(root: Path, tmp_path: Path) -> None:
    """More of them: `python -m tests.fuzz --minutes 30 documents`."""
    found = run_round("documents", SEED, COUNT, tmp_path, root)
    assert found.failures == []
    assert found.mutants == COUNT
    assert {"exit 1", "exit 0,1"} <= found.outcomes.keys()


def test_a_failure_is_noticed_with_what_makes_it_again() -> None:
    lines = [
        "begin 3/0 kx",
        "end 3/0 kx: exit 0,1 in 0.1 s",
        "begin 3/1 kx",
        "end 3/1 kx: FAILED verify: exit 70 in 0.2 s",
        "begin 3/2 kx",
        "end 3/2 kx: exit 1 TOUCHED ['open'] in 0.2 s",
        "begin 3/3 kx",
    ]
    found = Round.of(lines, -9)
    assert found.mutants == 3
    assert found.outcomes == {"exit 0,1": 1, "FAILED": 1, "TOUCHED": 1}
    assert [f.split(":")[0] for f in found.failures] == ["end 3/1 kx", "end 3/2 kx", "ended with -9 at begin 3/3 kx"]
    assert Round.of(lines[:2], 0).failures == []
    assert Round.of([], 1).failures == ["ended with 1 at "]
