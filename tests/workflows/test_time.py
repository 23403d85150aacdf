"""The time limit of an export bounds all of it, and what was judged until then is reported."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import keras
import pytest

import kexport
from kexport.deadline import Clock
from kexport.verify import record


def model() -> keras.Model:
    return keras.Sequential([keras.Input((3,), name="x"), keras.layers.Dense(2, name="y")], name="m")


def slowed(monkeypatch: pytest.MonkeyPatch, name: str, seconds: float) -> None:
    """Let a function of `record` take longer."""
    usual = getattr(record, name)

    def slow(*args: Any, **how: Any) -> Any:
        time.sleep(seconds)
        return usual(*args, **how)

    monkeypatch.setattr(record, name, slow)


def test_a_model_that_does_not_answer_in_time_leaves_its_artifact_unjudged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slowed(monkeypatch, "answer", 60)
    start = time.monotonic()
    report = kexport.export(model(), "onnx", tmp_path, timeout=12)
    assert time.monotonic() - start < 50
    [artifact] = report.artifacts
    assert (artifact.status, report.exit_code) == ("unjudged", 0)
    assert "nothing was judged: running Keras and the graph takes longer than" in artifact.verdicts[0].reason
    assert (tmp_path / "m.onnx").exists()
    assert not list(tmp_path.glob("*.reference.safetensors"))


def test_batches_for_which_the_time_does_not_suffice_are_left_out_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slowed(monkeypatch, "evaluated", 3)
    report = kexport.export(model(), "onnx", tmp_path, timeout=25)
    [artifact] = report.artifacts
    assert artifact.status == "unjudged"
    said = artifact.verdicts[0].reason
    assert "the time (--timeout 25) did not suffice for all batches" in said
    assert "checks passed until then" in said
    assert not list(tmp_path.glob("*.reference.safetensors"))  # of which `verify` could say more than was shown


def test_a_wrong_artifact_fails_however_little_time_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slowed(monkeypatch, "evaluated", 3)
    report = kexport.export(model(), "onnx", tmp_path, timeout=25, tolerance={"*": 1e-30})
    assert [a.status for a in report.artifacts] == ["failed"]


def test_engines_that_have_no_time_left_are_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Clock, "is_over", True)
    report = kexport.export(model(), "onnx", tmp_path, timeout=200)
    [artifact] = report.artifacts
    assert artifact.status == "unjudged"
    assert "not run: the time is over (--timeout 200)" in artifact.verdicts[0].reason


def test_a_clock_yields_the_first_item_and_those_that_fit() -> None:
    clock = Clock(1.0)
    taken = []
    for item in clock.within(range(9), 9, 0.5):
        time.sleep(0.2)
        taken.append(item)
    assert taken[0] == 0
    assert len(taken) < 4
    assert clock.left_out == 9 - len(taken)
    assert list(Clock(5.0).within([1, 2], 2, 1.0)) == [1, 2]
    assert Clock(5.0).shortage == ""


def test_a_costly_model_is_judged_on_fewer_and_smaller_batches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(record, "COSTLY", 1)
    report = kexport.export(model(), "onnx", tmp_path)
    [artifact] = report.artifacts
    assert artifact.status == "verified"
    batches = {b["name"]: b["sizes"]["batch"] for b in artifact.verdicts[0].batches}
    assert {"random-0", "random-1", "extreme"} <= set(batches)
    assert "random-2" not in batches
