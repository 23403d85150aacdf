"""The counting of a corpus, and the corpus itself where there is one: `KEXPORT_CORPUS` names its folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.corpus.attempt import Outcome, attempt, general
from tests.corpus.find import find_models
from tests.corpus.table import table

CORPUS = os.environ.get("KEXPORT_CORPUS", "")
FOUND = sorted(find_models(Path(CORPUS))) if CORPUS else []


def test_models_are_found(tmp_path: Path) -> None:
    for name in ("a/m.keras", "b/m.H5", "c/m.hdf5", "d/saved_model.pb", "e/notes.txt"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    assert [str(p.relative_to(tmp_path)) for p in find_models(tmp_path)] == ["a/m.keras", "b/m.H5", "c/m.hdf5", "d"]


def test_equal_causes_are_counted_as_one() -> None:
    assert general("layer 'a' is 3.5e-3 off\nand 'b'\nmore") == general("layer 'c' is 12 off\nand 'd'\nother")
    outcomes = [
        Outcome("a", 2, 1.0, {}, "x"),
        Outcome("b", 2, 1.0, {}, "x"),
        Outcome("c", 0, 1.0, {"onnx": "verified"}),
    ]
    assert list(table(outcomes)) == ["1 of 3 open", "onnx: 1 of 1 verified or simulated", "2 × x"]


def test_what_is_no_model_has_a_cause(tmp_path: Path) -> None:
    (tmp_path / "m.keras").write_bytes(b"PK nothing")
    outcome = attempt(tmp_path / "m.keras", "m.keras", ["onnx"], 60)
    assert (outcome.code, outcome.opened) == (2, False)
    assert outcome.cause.startswith("CaptureError: the file is damaged")


@pytest.mark.slow
@pytest.mark.skipif(not FOUND, reason="KEXPORT_CORPUS names no folder of models")
@pytest.mark.parametrize("model", FOUND, ids=lambda p: p.name)
def test_files_of_strangers_open_and_none_fails(model: Path) -> None:
    outcome = attempt(model, model.name, ["onnx", "tflite"], 120)
    assert outcome.opened, outcome
    assert set(outcome.statuses.values()) <= {"verified", "unjudged"}, outcome
