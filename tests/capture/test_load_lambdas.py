"""Files with Lambda layers: understood ones need no trust, others are explained by the user."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kexport.capture.capturing import capture
from kexport.capture.load import load
from kexport.errors import CaptureError, ConfigError
from kexport.ir.evaluator import evaluate

pytestmark = pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
X = np.random.RandomState(0).rand(2, 6).astype("f4")
KINDS = [("tf_keras", "h5"), ("tf_keras", "keras"), ("keras", "keras"), ("keras", "h5")]


@pytest.fixture(params=KINDS, ids=lambda kind: "-".join(kind))
def saved(request: pytest.FixtureRequest, keras: Any, tf_keras: Any, tmp_path: Path) -> Any:
    """A function that saves a model of one input of six numbers, made by `body(layers, x)`."""
    framework = {"keras": keras, "tf_keras": tf_keras}[request.param[0]]

    def save(body: Any) -> Path:
        x = framework.Input((6,), name="x")
        path = tmp_path / f"m.{request.param[1]}"
        framework.Model(x, body(framework.layers, x)).save(path)
        return path

    return save


def test_what_is_understood_needs_no_trust(saved: Any) -> None:
    def body(layers: Any, x: Any) -> Any:
        scaled = layers.Lambda(lambda v: v / 127.5 - 1, name="scaled")(x)
        return layers.Lambda(lambda v: abs(v[0] - v[1]), name="apart")([scaled, layers.Dense(6)(scaled)])

    source = load(saved(body))
    captured = capture(source)
    (got,) = evaluate(captured.graph, {captured.graph.inputs[0].name: X}).values()
    np.testing.assert_allclose(got, source.run([X])[0], atol=1e-6)
    assert {n.op.name for n in captured.graph.nodes} >= {"div", "sub", "abs"}


def test_values_beside_the_code_count(saved: Any) -> None:
    mean = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]

    def body(layers: Any, x: Any) -> Any:
        high = 2.5
        less = layers.Lambda(lambda v, mean=mean: v - mean, name="less")(x)
        return layers.Lambda(lambda v: v * high, name="more")(less)

    np.testing.assert_allclose(load(saved(body)).run([X])[0], (X - np.float32(mean)) * 2.5, atol=1e-6)


def branching(v: Any) -> Any:
    return v * 3 if v is not None else v


def test_what_is_not_understood_is_said_with_ways_out(saved: Any) -> None:
    path = saved(lambda layers, x: layers.Lambda(lambda v: v * 3 if v is not None else v, name="triple")(x))
    with pytest.raises(CaptureError, match=r"triple: a lambda, .*\(it does more than") as caught:
        load(path)
    assert '--replace "triple=x/127.5-1"' in str(caught.value.hint)
    assert "--trust" in str(caught.value.hint)
    np.testing.assert_allclose(load(path, replace={"triple": "x * 3"}).run([X])[0], X * 3, atol=1e-6)
    place = f"{__file__}:branching"
    np.testing.assert_allclose(load(path, replace={"triple": place}).run([X])[0], X * 3, atol=1e-6)
    np.testing.assert_allclose(load(path, trust=True).run([X])[0], X * 3, atol=1e-6)


def test_names_that_the_file_does_not_explain_are_said(saved: Any) -> None:
    path = saved(lambda layers, x: layers.Lambda(lambda v: v * np.float32(X.size), name="by_size")(x))
    with pytest.raises(CaptureError, match=r"it names '(np.float32|X.size)', which"):
        load(path)


def test_any_layer_without_weights_may_be_replaced(saved: Any) -> None:
    path = saved(lambda layers, x: layers.Activation("relu", name="a")(layers.Dropout(0.5, name="drop")(x)))
    np.testing.assert_allclose(load(path, replace={"a": "x + 1"}).run([X])[0], X + 1, atol=1e-6)


@pytest.mark.parametrize(
    ("replace", "what"),
    [
        ({"lamda": "x"}, "there is no layer 'lamda' to replace"),
        ({"lambda": "os.system('true')"}, "it names 'os.system'"),
        ({"lambda": "x +"}, "is no expression"),
        ({"lambda": "no_module_here:f"}, "no_module_here"),
        ({"lambda": "kexport.names:missing"}, "has no function 'missing'"),
    ],
)
def test_a_wrong_replacement_is_one_error(keras: Any, tmp_path: Path, replace: dict[str, str], what: str) -> None:
    x = keras.Input((6,))
    keras.Model(x, keras.layers.Lambda(lambda v: v * 2, name="lambda")(x)).save(tmp_path / "m.keras")
    with pytest.raises(ConfigError, match=what):
        load(tmp_path / "m.keras", replace=replace)


def sampling(args: Any) -> Any:
    mean, log_var = args
    epsilon = K.random_normal(shape=(K.shape(mean)[0], 3), mean=0.0, stddev=1.0)  # type: ignore[name-defined] # noqa: F821
    return mean + K.exp(log_var / 2) * epsilon  # type: ignore[name-defined] # noqa: F821


def test_sampling_of_an_autoencoder_is_drawn_by_the_artifact(
    tf_keras: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "K", tf_keras.backend)
    x = tf_keras.Input((6,), name="x")
    both = [tf_keras.layers.Dense(3)(x) for _ in range(2)]
    tf_keras.Model(x, tf_keras.layers.Lambda(sampling, name="z")(both)).save(tmp_path / "vae.h5")
    graph = capture(load(tmp_path / "vae.h5")).graph
    assert "random_normal" in {n.op.name for n in graph.nodes}
