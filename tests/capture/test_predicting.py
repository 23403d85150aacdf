"""predict() may be more than a call of the model: the call is exported, and the rest is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import kexport
from kexport.capture.sources.predicting import own_predict, remarks_of
from kexport.errors import CaptureError


class Divides(keras.Model):
    """Brings pixels to [0, 1] before the model, in predict alone."""

    def predict_step(self, data: Any) -> Any:
        return self((data[0] if isinstance(data, tuple) else data) / 255.0, training=False)


class Preprocessor:
    """Stands for what makes ids of text."""


class Task(keras.Model):
    """Like the tasks of keras-hub: predict() takes what their preprocessor takes, and decodes what comes out."""

    preprocessor = Preprocessor()

    def predict(self, x: Any, **how: Any) -> Any:
        return [str(row) for row in super().predict(np.asarray(x) + 100, **how)]


class Derived(Divides):
    """Has it from its parent."""


def model(cls: Any, **how: Any) -> Any:
    keras.utils.set_random_seed(0)
    x = keras.Input((6,), name="x")
    return cls(x, keras.layers.Dense(3, activation="softmax", name="out")(x), name="m", **how)


@pytest.mark.parametrize("cls", [Divides, Task, Derived])
def test_the_call_is_verified_and_the_rest_is_said(cls: Any, tmp_path: Path) -> None:
    report = kexport.export(model(cls), to="onnx", out=tmp_path)
    assert [a.status for a in report.artifacts] == ["verified"], report.artifacts[0].reason
    note = report.notes[0]
    owner = "Divides" if cls is Derived else cls.__name__
    method = "predict" if cls is Task else "predict_step"
    assert note.startswith(f"what {owner}.{method}() does before and after the model")
    assert ("its preprocessor Preprocessor" in note) == (cls is Task)
    assert "they compute the model's call" in note


def test_plain_models_have_nothing_of_their_own() -> None:
    for plain in (model(keras.Model), keras.Sequential([keras.Input((6,)), keras.layers.Dense(3)])):
        assert own_predict(plain) is None
        assert remarks_of(plain) == []


def test_a_method_that_one_model_was_given_counts() -> None:
    given = model(keras.Model)
    given.predict_step = lambda data: given(data * 2)
    assert own_predict(given) == ("Functional", "predict_step")


def test_references_of_other_backends_are_of_the_call_too() -> None:
    from kexport.reference.here import Request, record_here

    found = record_here(model(Divides), Request())
    for r in found.recordings:
        want = model(Divides)(r.batch.inputs["x"], training=False)
        np.testing.assert_allclose(r.outputs["out"], want, atol=1e-6)


def test_states_are_not_carried_on_and_that_is_said(tmp_path: Path) -> None:
    x = keras.Input(batch_shape=(2, 5, 3), name="x")
    stateful = keras.Model(x, keras.layers.LSTM(4, stateful=True, name="memory")(x), name="m")
    report = kexport.export(stateful, to="onnx", out=tmp_path)
    assert [a.status for a in report.artifacts] == ["verified"]
    assert report.notes[:1] == (
        "the state of memory is not carried on: every run of an artifact starts from the present one",
    )


# --- SavedModels that assign


class Module(tf.Module):
    """Signatures that change variables, or do not."""

    def __init__(self) -> None:
        self.weight = tf.Variable(tf.ones([4, 1]), name="weight")
        self.count = tf.Variable(0.0, trainable=False, name="count")

    @tf.function(input_signature=[tf.TensorSpec([None, 4], name="x"), tf.TensorSpec([None, 1], name="y")])
    def train(self, x: Any, y: Any) -> Any:
        error = x @ self.weight - y
        self.weight.assign_sub(0.1 * tf.transpose(x) @ error)
        return {"loss": tf.reduce_mean(error**2)}

    @tf.function(input_signature=[tf.TensorSpec([None, 4], name="x")])
    def counting(self, x: Any) -> Any:
        self.count.assign_add(1.0)
        return {"out": x * self.count}

    @tf.function(input_signature=[tf.TensorSpec([None, 4], name="x")])
    def only(self, x: Any) -> Any:
        return {"out": x @ self.weight}


def test_a_function_that_assigns_its_weights_is_refused(tmp_path: Path) -> None:
    module = Module()
    signatures = {"train": module.train, "counting": module.counting, "only": module.only}
    tf.saved_model.save(module, str(tmp_path / "s"), signatures=signatures)
    for name, variable in (("train", "weight"), ("counting", "count")):
        with pytest.raises(CaptureError, match=rf"assigns its variables \({variable}\), as training does") as refused:
            kexport.export(str(tmp_path / "s"), to="onnx", out=tmp_path / name, signature=name)
        assert "--signature" in str(refused.value.hint)
        assert not (tmp_path / name).exists() or not list((tmp_path / name).iterdir())
    report = kexport.export(str(tmp_path / "s"), to="onnx", out=tmp_path / "only", signature="only")
    assert [a.status for a in report.artifacts] == ["verified"]


def test_a_bias_whose_axis_depends_on_the_size_is_remarked(keras: Any) -> None:
    layers = keras.layers
    how = {"data_format": "channels_first", "padding": "same"}

    def model(size: int | None, layer: Any) -> Any:
        x = keras.Input((3, *(size,) * layer.rank))
        return keras.Model(x, layer(x))

    for layer in (layers.DepthwiseConv1D(3, depth_multiplier=2, name="a", **how), layers.Conv2D(6, 3, name="a", **how)):
        (found,) = remarks_of(model(None, layer))
        assert found.startswith(
            "a: where the last axis of its result has 6 elements, Keras adds the bias along that axis"
        )
    fixed = model(8, layers.Conv1D(6, 3, **how))
    plain = model(None, layers.Conv1D(6, 3, use_bias=False, **how))
    last = keras.Model(x := keras.Input((None, 3)), layers.Conv1D(6, 3)(x))
    assert [remarks_of(m) for m in (fixed, plain, last)] == [[], [], []]
