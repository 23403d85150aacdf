"""From a Keras model to a verified file, and from TensorFlow's converter to ours: the same numbers, fewer bytes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kexport
from kexport.errors import UnsupportedError
from kexport.verify.status import Status
from tests.tflite.helper import operators, partitions, run

keras = pytest.importorskip("keras")


@pytest.fixture(scope="module")
def model() -> Any:
    """Convolutions of several kinds, batch norm, a residual and a head, with weights that matter."""
    k = keras.layers
    keras.utils.set_random_seed(1)
    x = inputs = keras.Input((24, 24, 3), name="image")
    x = k.Conv2D(16, 3, strides=2, use_bias=False)(k.ZeroPadding2D(((0, 1), (0, 1)))(x))
    x = k.Activation("relu6")(k.BatchNormalization()(x))
    y = k.DepthwiseConv2D(3, padding="same", dilation_rate=2)(x)
    y = k.Conv2D(16, 1, activation="silu")(y)
    x = k.Add()([x, y])
    x = k.Conv2DTranspose(8, 3, strides=2, padding="same")(x)
    x = k.Dense(10, activation="softmax", name="scores")(k.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, x)
    rng = np.random.default_rng(1)
    for w in model.weights:
        w.assign(
            rng.uniform(0.5, 1.5, w.shape) if w.name in ("gamma", "moving_variance") else rng.normal(0, 0.3, w.shape)
        )
    return model


@pytest.fixture(scope="module")
def images() -> Any:
    return np.random.default_rng(2).uniform(-1, 1, (3, 24, 24, 3)).astype(np.float32)


def test_verified_in_every_engine(model: Any, tmp_path: Path) -> None:
    report = kexport.export(model, to=["tflite"], out=tmp_path, name="net")
    (artifact,) = report.artifacts
    verdicts = {v.runtime: v for v in artifact.verdicts if not v.runtime.startswith("litert-web")}
    assert {name: v.status for name, v in verdicts.items()} == {
        "litert-xnnpack": Status.VERIFIED,
        "litert-reference": Status.VERIFIED,
        "litert-compiled": Status.VERIFIED,
    }
    sizes = {s for v in verdicts.values() for b in v.batches for s in b["sizes"].values()}
    assert sizes >= {1, 3}, "and one that is drawn from the artifact's hash"
    assert partitions(Path(artifact.path)) == (1, Counter())


def test_the_same_as_keras(model: Any, images: Any, tmp_path: Path) -> None:
    report = kexport.export(model, to=["tflite"], out=tmp_path, verify=False)
    (found,) = run(Path(report.artifacts[0].path), {"image": images}).values()
    np.testing.assert_allclose(found, model.predict(images, verbose=0), atol=2e-6)


def test_float16_keeps_its_promise(model: Any, images: Any, tmp_path: Path) -> None:
    report = kexport.export(
        model, to=["tflite"], out=tmp_path, verify=False, options={"tflite": {"precision": "float16"}}
    )
    (found,) = run(Path(report.artifacts[0].path), {"image": images}).values()
    np.testing.assert_allclose(found, model.predict(images, verbose=0), atol=2e-3)


def test_no_more_bytes_and_operators_than_the_stock_converter(model: Any, images: Any, tmp_path: Path) -> None:
    import tensorflow as tf

    ours = Path(kexport.export(model, to=["tflite"], out=tmp_path, verify=False).artifacts[0].path)
    theirs = tmp_path / "stock.tflite"
    theirs.write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
    assert sum(operators(ours).values()) < sum(operators(theirs).values())
    assert partitions(ours).count <= partitions(theirs).count
    assert ours.stat().st_size < 1.2 * theirs.stat().st_size


def test_float64_is_computed_in_float32(tmp_path: Path) -> None:
    """As in Core ML and TensorFlow.js; what goes in and out has the model's types."""
    inputs = keras.Input((4,), dtype="float64", name="x")
    h = keras.layers.Dense(3, dtype="float64", activation="tanh")(inputs)
    model = keras.Model(inputs, keras.layers.LayerNormalization(dtype="float64", name="y")(h - 0.5))
    report = kexport.export(model, to=["tflite"], out=tmp_path)
    assert report.artifacts[0].status == "verified", report.artifacts[0].reason
    assert [str(p.type.dtype) for p in (*report.contract.inputs, *report.contract.outputs)] == ["f64", "f64"]
    assert operators(Path(report.artifacts[0].path))["CAST"] == 2


def test_what_cannot_be_exported_is_said_by_layer(tmp_path: Path) -> None:
    inputs = keras.Input((4,), dtype="int64", name="x")
    layer = keras.layers.Lambda(lambda x: x // 3, name="whole")
    with pytest.raises(UnsupportedError, match="whole: floor_div on tflite: TF Lite has no int64 kernel for it"):
        kexport.export(keras.Model(inputs, layer(inputs)), to=["tflite"], out=tmp_path, verify=False)
    assert list(tmp_path.iterdir()) == []
