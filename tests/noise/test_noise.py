"""A slice of the noise suite: right artifacts stay well below their tolerances on models that used to be rejected."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.faults.engines import RUNTIMES, is_there
from tests.noise import functions, suite, weights
from tests.noise.__main__ import NEAR
from tests.noise.models import MODELS

SLICE = ("head/sigmoid/5-1", "head/silu/5-1", "head/softplus/5-1", "LSTM/1/last/bare")


@pytest.mark.parametrize("target", [t for t in ("onnx", "tflite") if is_there(t)])
def test_right_artifacts_are_not_near_their_tolerances(target: str, tmp_path: Path) -> None:
    found = list(suite.points([(n, MODELS[n]) for n in SLICE], range(2), [target], tmp_path))
    assert {p.engine for p in found} == {suite.CAPTURE, *RUNTIMES[target]}
    assert {p.status for p in found} <= {"", "verified"}
    assert max(p.ratio for p in found) < NEAR, max(found, key=lambda p: p.ratio)


def test_there_are_hundreds_of_models_and_they_differ() -> None:
    assert len(MODELS) >= 300
    model = MODELS["head/tanh/5-3"]()
    kernels = []
    for seed in range(4):
        weights.draw(model, seed)
        kernels.append(float(np.abs(model.layers[-1].get_weights()[0]).mean()))
    assert max(kernels) > 4 * min(kernels), "some saturate"


def test_points_are_kept_and_counted(tmp_path: Path) -> None:
    file = tmp_path / "points.jsonl"
    assert suite.load(file) == []
    for i, ratio in enumerate((0.1, 0.6, 1.5)):
        suite.save(suite.Point("m", i, "engine", ratio, "verified" if ratio < 1 else "failed", ""), file)
    head, line = suite.table(suite.load(file))
    assert head.split()[:3] == ["engine", "points", "median"]
    assert line.split() == ["engine", "3", "0.600", "66.667%", "66.667%", "1", "1.500", "1"]


def test_errors_of_functions_are_told_by_size() -> None:
    captured = functions.captured("sigmoid")
    x = functions.grid()
    truth = 1 / (1 + np.exp(-x.astype(np.float64)))
    found = functions.errors(captured.graph, x, (truth + 1e-7).astype(np.float32))
    assert found.tiny == pytest.approx(1e-7, rel=1e-2)
    assert 0.8 < found.ulps < 9
    assert found.other == 0
