"""`export(quantize=…)` and the command line: artifacts in eight bits, verified step by step, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kexport
from kexport.errors import ConfigError, EmitError, VerifyError
from kexport.workflows import verify
from tests.quantize.nets import images


@pytest.fixture(scope="module")
def model() -> Any:
    return images()


@pytest.fixture(scope="module")
def data() -> Any:
    return {"image": np.random.default_rng(0).normal(size=(40, 12, 12, 3)).astype(np.float32)}


def test_eight_bits_are_verified_and_verified_again(model: Any, data: Any, tmp_path: Path) -> None:
    report = kexport.export(model, to=["tflite", "onnx"], out=tmp_path, quantize="int8", calibrate=data)
    assert report.ok
    assert {a.target: a.status for a in report.artifacts} == {"tflite": "verified", "onnx": "verified"}
    for artifact in report.artifacts:
        cost = artifact.facts["quantization"]
        assert cost["recipe"] == "int8"
        assert cost["snr_db"] > 25
        assert "quantized values, each right to one integer" in artifact.verdicts[0].reason
    assert any("int8 keeps" in note for note in report.notes)
    again = verify(tmp_path)
    assert {a.target: a.status for a in again.artifacts} == {"tflite": "verified", "onnx": "verified"}
    assert "quantized values" in again.artifacts[0].verdicts[0].reason


def test_named_targets_that_hold_no_integers_are_refused_with_what_they_take(
    model: Any, data: Any, tmp_path: Path
) -> None:
    report = kexport.export(
        model, to=["onnx", "savedmodel"], out=tmp_path, quantize="int8", calibrate=data, verify=False
    )
    refused = next(a for a in report.artifacts if a.target == "savedmodel")
    assert "--quantize int8-weights" in refused.reason
    assert not report.ok
    with pytest.raises(EmitError, match="do not compute in integers"):
        kexport.export(model, to=["savedmodel"], out=tmp_path, quantize="int8", calibrate=data)


def test_weights_alone_need_no_data_and_are_smaller(tmp_path: Path) -> None:
    import keras

    given = keras.Input((64,), name="x")
    model = keras.Model(given, keras.layers.Dense(8)(keras.layers.Dense(128, "relu")(given)))
    small = kexport.export(model, out=tmp_path / "a", quantize="int8-weights")
    large = kexport.export(model, out=tmp_path / "b", verify=False)
    sizes = {a.target: a.size for a in large.artifacts}
    assert {a.target: a.status for a in small.artifacts if a.status not in ("verified", "simulated")} == {}
    assert all(a.size < 0.5 * sizes[a.target] for a in small.artifacts)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"quantize": "int9"}, "int9"),
        ({"quantize": "int8"}, "needs calibration data"),
        ({"quantize": "lut-4"}, "no format emits"),
        ({"calibrate": "x.npz"}, "without a recipe"),
        ({"min_snr": 30.0}, "without a recipe"),
        ({"quantize": "int8", "calibrate": "missing.npz"}, "no such calibration data"),
    ],
)
def test_what_makes_no_sense_is_said(model: Any, tmp_path: Path, given: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        kexport.export(model, to=["onnx"], out=tmp_path, **given)
    assert list(tmp_path.iterdir()) == []


def test_floors_leave_nothing_behind(model: Any, data: Any, tmp_path: Path) -> None:
    with pytest.raises(VerifyError, match="less than --min-snr 90"):
        kexport.export(model, to=["onnx"], out=tmp_path, quantize="int8", calibrate=data, min_snr=90.0)
    assert not (tmp_path / "images.onnx").exists()


def test_a_budget_leaves_layers_in_float(model: Any, data: Any, tmp_path: Path) -> None:
    how: dict[str, Any] = {"quantize": "int8", "calibrate": data, "verify": False, "out": tmp_path}
    report = kexport.export(model, to=["onnx"], budget="snr>=60dB", **how)
    assert any("the budget snr>=60dB leaves" in note for note in report.notes)
    rules = report.artifacts[0].facts["quantization"]["rules"]
    assert any(r["scheme"] == "float32" for r in rules)
    with pytest.raises(ConfigError, match="budget"):
        kexport.export(model, to=["onnx"], budget="snr>=60dB, size<=1%", **how)


def test_the_command_line(model: Any, data: Any, tmp_path: Path) -> None:
    from click.testing import CliRunner

    from kexport.cli.main import cli

    model.save(tmp_path / "images.keras")
    np.savez(tmp_path / "data.npz", **data)
    given = ["export", str(tmp_path / "images.keras"), "--to", "onnx", "-o", str(tmp_path / "dist")]
    given += ["--quantize", "int8", "--calibrate", str(tmp_path / "data.npz"), "--no-verify", "--json"]
    good = CliRunner().invoke(cli, [*given, "--min-agreement", "50%"])
    assert good.exit_code == 0, good.output
    assert json.loads(good.stdout)["artifacts"][0]["status"] == "valid"
    bad = CliRunner().invoke(cli, [*given, "--min-agreement", "150"])
    assert bad.exit_code == 3
    assert "takes a percentage" in bad.stderr
