"""Core ML packages in float16: what overflows on the data of the reference stays in float32, and is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import kexport
from kexport.workflows.locating import locate
from tests.capture.layer_of import layer_of

HALF = {"coreml": {"precision": "float16"}}


@pytest.fixture(scope="module")
def model() -> Any:
    """A square that overflows float16 on the batch of extreme values, and comes back into range."""
    keras = pytest.importorskip("keras", reason="the model is made with Keras")
    layers = keras.layers
    keras.utils.set_random_seed(3)
    x = keras.Input((6,), name="x")
    y = layers.Dense(4, kernel_initializer=keras.initializers.Constant(9.0), activation="relu", name="first")(x)
    y = layer_of(keras, keras.ops.square, "square")(y)
    y = layer_of(keras, lambda a: a / (a + 1), "part")(y)
    return keras.Model(x, layers.Dense(3, name="last")(y), name="growing")


def test_layers_that_overflow_stay_in_float32(model: Any, tmp_path: Path) -> None:
    report = kexport.export(model, to=["coreml"], out=tmp_path, options=HALF)
    (artifact,) = report.artifacts
    assert artifact.status == "simulated", artifact.reason
    (note,) = report.notes
    assert note == "coreml: computed in float32, being beyond the range of float16: square, part"
    kept = json.loads((tmp_path / "kexport.json").read_text())["models"]["growing"]["artifacts"]["coreml"]["options"]
    assert kept["float32"] == note.rpartition(": ")[2].replace(", ", "|")


def test_an_overflow_names_the_layer(model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kexport_coreml.target import CoremlTarget

    monkeypatch.setattr(CoremlTarget, "adapt", lambda self, graph, options, measure: options)
    report = kexport.export(model, to=["coreml"], out=tmp_path, options=HALF)
    (artifact,) = report.artifacts
    assert artifact.status == "failed"
    assert "float16 overflowed in " in artifact.reason
    assert report.notes == ()


def test_layers_of_the_users_choice(model: Any, tmp_path: Path) -> None:
    options = {"coreml": {"precision": "float16", "float32": "last"}}
    report = kexport.export(model, to=["coreml"], out=tmp_path, options=options, layers=True)
    assert report.notes[0].endswith("last")
    (location,) = (x for x in locate(tmp_path).locations if x.layers)
    assert {c.verdict for c in location.layers} <= {"ok", "merged"}


def test_without_verification_there_is_no_data(model: Any, tmp_path: Path) -> None:
    report = kexport.export(model, to=["coreml"], out=tmp_path, options=HALF, verify=False)
    assert report.artifacts[0].status == "valid"
    assert report.notes == ()
