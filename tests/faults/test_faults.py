"""Verification verified: faults that change a result are found, whatever is harmless is let through."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

from tests.faults import files, matrix
from tests.faults.bench import bench
from tests.faults.effect import EFFECTIVE, effect, output_effect
from tests.faults.engines import is_there
from tests.faults.models import MODELS
from tests.faults.outcome import Case, Outcome, Score, outcome_of

SMALL = ("turns", "mlp", "encoder", "series", "cnn", "unet", "whole", "recurrent")
"""All models, those first that have something for many faults and are quick."""


def judged(score: Score, kinds: list[str], least: int) -> None:
    """Every effective fault was killed, nothing harmless rejected, and every kind proved something."""
    assert score.wrong == [], score.line()
    assert score.idle_kinds(kinds) == []
    assert len(score[Outcome.KILLED]) >= least, score.line()


def test_every_kind_of_fault_in_graphs_is_killed(tmp_path: Path) -> None:
    cases = matrix.sample([bench(m) for m in SMALL], tmp_path, "onnx", models=1)
    judged(Score(tuple(cases)), [f.name for f in matrix.TABLE], least=130)


@pytest.mark.slow
def test_faults_in_graphs_are_killed_in_every_model(tmp_path: Path) -> None:
    cases = [c for m in MODELS for c in matrix.run(bench(m), tmp_path, "onnx", limit=2)]
    judged(Score(tuple(cases)), [f.name for f in matrix.TABLE], least=600)


@pytest.mark.slow
def test_faults_in_graphs_are_killed_in_tflite(tmp_path: Path) -> None:
    score = Score(tuple(matrix.sample([bench(m) for m in SMALL], tmp_path, "tflite", models=1)))
    assert score.wrong == [], score.line()
    assert len(score[Outcome.KILLED]) >= 125, score.line()


FORMS = [
    pytest.param(f, id=f.title.replace(" ", "-"), marks=[pytest.mark.slow] * (f.target != "onnx")) for f in files.FORMS
]


@pytest.mark.parametrize("form", FORMS)
def test_faults_in_files_are_killed(form: files.Form, tmp_path: Path) -> None:
    if not is_there(form.target):
        pytest.skip(f"{form.target} cannot be written and run here: see `kexport doctor`")
    score = Score(tuple(files.sample(form, SMALL, tmp_path)))
    judged(score, [f.name for f in form.faults], least=6)


def test_there_are_enough_kinds() -> None:
    in_graphs = {f.name for f in matrix.TABLE if not f.harmless}
    in_files = {f.name for form in files.FORMS for f in form.faults if not f.harmless}
    assert len(in_graphs) >= 130
    assert len(in_files) >= 60
    assert len(matrix.TABLE) == len({f.name for f in matrix.TABLE})


@pytest.mark.parametrize(
    ("harmless", "change", "rejected", "expected"),
    [
        (False, 1e3, True, Outcome.KILLED),
        (False, 1e3, False, Outcome.SURVIVED),
        (False, math.inf, False, Outcome.SURVIVED),
        (False, EFFECTIVE, False, Outcome.NOISE),
        (False, EFFECTIVE, True, Outcome.NOISE),
        (False, 0.5, False, Outcome.IDLE),
        (False, 0.5, True, Outcome.FALSE_ALARM),
        (True, 0.5, True, Outcome.FALSE_ALARM),
        (True, 0.5, False, Outcome.ACCEPTED),
    ],
)
def test_outcomes(harmless: bool, change: float, rejected: bool, expected: Outcome) -> None:
    assert outcome_of(harmless, change, rejected) is expected


def test_the_score_counts_survivors_and_kinds_that_prove_nothing() -> None:
    made = {Outcome.KILLED: "a", Outcome.SURVIVED: "b", Outcome.IDLE: "c", Outcome.ACCEPTED: "d"}
    score = Score(tuple(Case(name, "m", "onnx", "", outcome, 1.0, "") for outcome, name in made.items()))
    assert score.line().startswith("1 of 2 effective faults killed (50.00%), 2 kinds; 1 harmless edits accepted")
    assert [c.fault for c in score.wrong] == ["b"]
    assert score.idle_kinds("abcd") == ["c"]


def test_effects_are_measured_in_units_of_noise() -> None:
    known = bench("mlp").known[0]
    (name,) = known.wide
    unit = max(
        float(np.abs(known.narrow[name] - known.wide[name]).max()),
        float(np.finfo(np.float32).eps) * float(np.abs(known.wide[name]).max()),
    )
    moved = {name: (known.wide[name] + 100 * unit).astype(np.float32)}
    assert output_effect(known, moved) == pytest.approx(100, rel=0.2)
    assert output_effect(known, known.narrow) <= 1
    assert output_effect(known, {name: known.wide[name]}) == math.inf  # another element type
    assert output_effect(known, {"other": known.narrow[name]}) == math.inf
    lost = {name: known.narrow[name] * np.float32("nan")}
    assert output_effect(known, lost) == math.inf
    assert effect(bench("mlp"), bench("mlp").graph) == 0


def test_a_verification_that_sees_nothing_fails_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The suite itself: with tolerances a thousand times as large, faults survive, and are counted as such."""
    real = matrix.in_process
    monkeypatch.setattr(matrix, "in_process", lambda target: dataclasses.replace(real(target), tolerances={"*": 10.0}))
    faults = [f for f in matrix.TABLE if f.name in ("bias dropped", "activation dropped", "as it is")]
    score = Score(tuple(matrix.run(bench("mlp"), tmp_path, "onnx", faults, limit=1)))
    assert [c.fault for c in score[Outcome.SURVIVED]] == ["bias dropped", "activation dropped"]
    assert score[Outcome.ACCEPTED]
