"""export: one call from a model to verified artifacts with one contract."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kexport
from kexport.errors import CaptureError, ConfigError, UnsupportedError, VerifyError
from kexport.workflows.inspecting import inspect_artifact
from kexport.workflows.manifest import read_manifest


def test_the_report_says_what_was_shown(model: Any, tmp_path: Path) -> None:
    stages: list[str] = []
    report = kexport.export(model, to=["onnx"], out=tmp_path, progress=lambda stage, *_: stages.append(stage))
    (artifact,) = report.artifacts
    assert report.ok
    assert report.exit_code == 0
    assert (artifact.target, artifact.status, artifact.runtime) == ("onnx", "verified", "onnxruntime-cpu")
    assert Path(artifact.path) == tmp_path / "small.onnx"
    assert artifact.size == (tmp_path / "small.onnx").stat().st_size
    assert artifact.max_error is not None
    assert 0 < artifact.max_error < 1e-3
    assert artifact.snr is not None
    assert artifact.snr > 80
    assert artifact.argmax == 1
    assert list(dict.fromkeys(stages)) == [
        "capture",
        "optimize",
        "legalize",
        "emit",
        "reference",
        "verify",
        "publish",
    ]
    assert json.loads(json.dumps(report.to_json(), allow_nan=False))["ok"] is True


def test_an_artifact_names_the_oldest_engine_that_runs_it(model: Any, tmp_path: Path) -> None:
    report = kexport.export(model, to=["onnx"], out=tmp_path)
    facts = {"opset": 18, "ir_version": 8, "onnxruntime": "1.14", "runs_in": "ONNX Runtime 1.14 or newer"}
    assert report.artifacts[0].facts == report.to_json()["artifacts"][0]["facts"] == facts
    assert report.notes == ("onnx: runs in ONNX Runtime 1.14 or newer",)
    assert read_manifest(tmp_path)["small"].artifacts["onnx"].facts == facts
    assert kexport.verify_artifacts(tmp_path).artifacts[0].facts == facts
    assert inspect_artifact(tmp_path / "small.onnx").to_json()["facts"] == facts
    kexport.export(model, to=["onnx"], out=tmp_path, verify=False, options={"onnx": {"opset": 24}})
    assert read_manifest(tmp_path)["small"].artifacts["onnx"].facts["onnxruntime"] == "1.24"


def test_names_order_and_dims_are_the_models_own(exported: Path) -> None:
    (entry,) = read_manifest(exported).values()
    contract = entry.contract
    assert [(p.name, str(p.type)) for p in contract.inputs] == [("image", "f32[batch,8,8,1]")]
    assert [p.name for p in contract.outputs] == ["digit", "score"]
    assert contract.output_structure == {"digit": 0, "score": 1}


def test_nothing_but_the_results_is_left(exported: Path) -> None:
    assert sorted(p.name for p in exported.iterdir()) == [
        "kexport.json",
        "kexport.runs.json",
        "small.graph.safetensors",
        "small.kx",
        "small.onnx",
        "small.reference.safetensors",
    ]


def test_without_verification_an_artifact_is_valid_at_best(model: Any, tmp_path: Path) -> None:
    report = kexport.export(model, to=["onnx"], out=tmp_path, verify=False)
    assert report.artifacts[0].status == "valid"
    assert not (tmp_path / "small.reference.safetensors").exists()


def test_dims_can_be_fixed(model: Any, tmp_path: Path) -> None:
    report = kexport.export(model, to=["onnx"], out=tmp_path, dims={"batch": 2}, verify=False)
    assert str(report.contract.inputs[0].type) == "f32[2,8,8,1]"


def test_samples_of_the_user_are_judged_too(model: Any, tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", image=np.random.default_rng(0).uniform(0, 1, (3, 8, 8, 1)).astype("float32"))
    report = kexport.export(model, to=["onnx"], out=tmp_path / "dist", samples=tmp_path / "mine.npz")
    assert "mine-0" in {b["name"] for v in report.artifacts[0].verdicts for b in v.batches}


def test_another_model_of_the_same_name_drops_what_it_replaces(model: Any, tmp_path: Path) -> None:
    from tests.workflows.conftest import small_cnn

    kexport.export(model, to=["onnx"], out=tmp_path)
    other = small_cnn()
    other.get_layer("score").bias.assign([3.0])
    kexport.export(other, to=["onnx"], out=tmp_path, verify=False)
    (entry,) = read_manifest(tmp_path).values()
    assert entry.reference is None
    assert entry.artifacts["onnx"].status == "valid"


def test_two_models_share_a_folder(model: Any, tmp_path: Path) -> None:
    kexport.export(model, to=["onnx"], out=tmp_path, name="one", verify=False)
    kexport.export(model, to=["onnx"], out=tmp_path, name="two", verify=False)
    assert sorted(read_manifest(tmp_path)) == ["one", "two"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"to": ["onyx"]}, "there is no target 'onyx'"),
        *(
            ({"name": name}, "cannot be the name of a file")
            for name in ("a/b", "a:b", "..", ".a", "con", "a.", "", "ü" * 99)
        ),
        ({"options": {"onnx": {"opsett": 1}}}, "target 'onnx' has no option 'opsett'"),
        ({"options": {"onnx": {"opset": "18"}}}, "option 'opset' of target 'onnx' cannot be '18'\n  hint: give int"),
        ({"options": {"onnx": {"opset": True}}}, "option 'opset' of target 'onnx' cannot be True"),
        ({"options": {"tfjs": {}}}, "options for 'tfjs', which is not a target of this export"),
        ({"dims": {"bach": 1}}, "bach"),
        ({"tolerance": {"digits": 1e-3}}, "digits"),
    ],
)
def test_wrong_arguments_are_refused_and_nothing_is_written(
    model: Any, tmp_path: Path, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        kexport.export(model, **{"to": ["onnx"], "out": tmp_path / "dist", **arguments})
    assert not (tmp_path / "dist" / "small.onnx").exists()


def test_all_unsupported_operations_are_listed_at_once(tmp_path: Path) -> None:
    import keras
    import tensorflow as tf

    class Roots(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return tf.linalg.svd(x, compute_uv=False)

    class Draws(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return x + tf.random.stateless_normal(tf.shape(x), [1, 2])

    x = keras.Input((4, 4), name="x")
    model = keras.Model(x, [Roots(name="roots")(x), Draws(name="draws")(x)])
    with pytest.raises(UnsupportedError) as caught:
        kexport.export(model, to=["onnx"], out=tmp_path / "dist")
    assert {i.where for i in caught.value.items} == {"roots", "draws"}
    assert not (tmp_path / "dist").exists()


def test_weights_that_are_not_numbers_are_refused(tmp_path: Path) -> None:
    from tests.workflows.conftest import small_cnn

    model = small_cnn()
    model.get_layer("score").bias.assign([float("nan")])
    with pytest.raises(CaptureError, match="score/bias"):
        kexport.export(model, to=["onnx"], out=tmp_path / "dist")
    assert not (tmp_path / "dist").exists()


def test_artifacts_are_judged_by_a_reference_recorded_elsewhere(model: Any, tmp_path: Path) -> None:
    from kexport.workflows import record_reference

    model.save(tmp_path / "small.keras")
    recorded = record_reference(tmp_path / "small.keras", tmp_path / "cpu.safetensors", backend="tensorflow")
    assert recorded.environment.backend == "tensorflow"
    report = kexport.export(model, to=["onnx"], out=tmp_path / "dist", reference=tmp_path / "cpu.safetensors")
    assert report.artifacts[0].status == "verified"


def test_a_reference_of_another_model_is_refused(model: Any, tmp_path: Path) -> None:
    from kexport.workflows import record_reference
    from tests.workflows.conftest import small_cnn

    other = small_cnn()
    other.get_layer("score").bias.assign([3.0])
    record_reference(other, tmp_path / "other.safetensors")
    with pytest.raises(VerifyError, match="of another model"):
        kexport.export(model, to=["onnx"], out=tmp_path / "dist", reference=tmp_path / "other.safetensors")
