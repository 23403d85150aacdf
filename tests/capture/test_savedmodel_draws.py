"""SavedModels that draw random numbers: what they draw is seen, and the captured graph explains their outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import kexport
from kexport.capture.capturing import capture
from kexport.capture.sources import saved_draws
from kexport.capture.sources.saved_draws import run_step_by_step
from kexport.errors import UnsupportedError, VerifyError
from kexport.ir.evaluator import evaluate
from kexport.verify.draws import given
from tests.drawing import sampling_model

X = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)


def saved(folder: Path, compute: Any) -> str:
    module: Any = tf.Module()
    spec = tf.TensorSpec([None, 4], tf.float32, "x")
    module.f = tf.function(compute, input_signature=[spec])
    tf.saved_model.save(module, str(folder), signatures=module.f)
    return str(folder)


DRAWS = {
    "normal": lambda x: {"y": x + tf.random.normal(tf.shape(x)), "z": x * 2},
    "two": lambda x: {"y": x * tf.random.uniform(tf.shape(x)), "z": x + tf.random.normal([4])},
    "dropout": lambda x: {"y": tf.nn.dropout(x, rate=0.5)},
    "whole": lambda x: {"y": x + tf.cast(tf.random.uniform([4], 0, 9, tf.int32), tf.float32)},
    "truncated": lambda x: {"y": x + tf.random.truncated_normal([4])},
}


@pytest.mark.parametrize("name", DRAWS)
def test_the_graph_explains_what_is_drawn(name: str, tmp_path: Path) -> None:
    captured = capture(saved(tmp_path / "s", DRAWS[name]))
    outputs, draws = run_step_by_step(captured.source, [tf.constant(X)])
    again, _ = run_step_by_step(captured.source, [tf.constant(X)])
    assert any(not np.array_equal(a, b) for a, b in zip(outputs, again, strict=True))
    found = evaluate(captured.graph, {"x": X}, observe=given({str(k): v for k, v in draws.items()}))
    for port, output in zip(captured.contract.outputs, outputs, strict=True):
        np.testing.assert_allclose(found[port.name], output, atol=1e-5)


def test_artifacts_draw_their_own(tmp_path: Path) -> None:
    report = kexport.export(saved(tmp_path / "s", DRAWS["normal"]), "onnx", tmp_path / "dist")
    [artifact] = report.artifacts
    assert artifact.status == "verified"
    assert {c.output for c in artifact.verdicts[0].outputs if c.passed} == {"y", "z"}


def test_what_keras_exports_is_exported(tmp_path: Path) -> None:
    sampling_model(pytest.importorskip("keras")).export(str(tmp_path / "s"), verbose=False)
    [artifact] = kexport.export(str(tmp_path / "s"), "onnx", tmp_path / "dist").artifacts
    assert artifact.status == "verified", artifact.reason


def test_draws_that_cannot_be_told_apart_are_refused(tmp_path: Path) -> None:
    @tf.function
    def noise(x: Any) -> Any:
        return x + tf.random.normal([4])

    with pytest.raises(UnsupportedError, match="in several functions of a SavedModel, or in one that is called more"):
        capture(saved(tmp_path / "s", lambda x: {"y": noise(noise(x))}))


def test_what_cannot_be_run_alone_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise TypeError("no such op")

    captured = capture(saved(tmp_path / "s", DRAWS["normal"]))
    monkeypatch.setattr(saved_draws, "named_operands", fails)
    monkeypatch.setattr(saved_draws, "_executed", fails)
    with pytest.raises(VerifyError, match="cannot be run alone") as caught:
        run_step_by_step(captured.source, [tf.constant(X)])
    assert "export the Keras model" in str(caught.value.hint)
