"""Files of weights alone, and where their model is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kexport.capture.load import load
from kexport.errors import CaptureError, ConfigError

X = np.random.RandomState(0).rand(2, 6).astype("f4")
BUILDERS = """
def build(framework="{framework}"):
    import importlib
    keras = importlib.import_module(framework)
    x = keras.Input((6,), name="x")
    return keras.Model(x, keras.layers.Dense(3, "relu", name="b")(keras.layers.Dense(4, name="a")(x)))

def other():
    import importlib
    keras = importlib.import_module("{framework}")
    x = keras.Input((6,), name="x")
    return keras.Model(x, keras.layers.Dense(3)(x))

def number():
    return 3
"""
KINDS = [("keras", "m.weights.h5"), ("tf_keras", "m.h5"), ("tf_keras", "m.weights.h5")]


@pytest.fixture(params=KINDS, ids="-".join)
def weights(request: pytest.FixtureRequest, keras: Any, tf_keras: Any, tmp_path: Path) -> tuple[Path, Any]:
    """A file of weights, beside `models.py` with functions and `model.json`, and what the model answers."""
    framework, name = request.param
    (tmp_path / "models.py").write_text(BUILDERS.format(framework=framework))
    scope: dict[str, Any] = {}
    exec(BUILDERS.format(framework=framework), scope)  # noqa: S102
    model = scope["build"]()
    (tmp_path / "model.json").write_text(model.to_json())
    model.save_weights(tmp_path / name)
    return tmp_path / name, model.predict(X, verbose=0)


@pytest.mark.parametrize("place", ["models.py:build", "model.json"])
def test_the_model_is_built_and_given_its_weights(weights: tuple[Path, Any], place: str) -> None:
    path, expected = weights
    source = load(path, architecture=str(path.parent / place))
    np.testing.assert_allclose(source.run([X])[0], expected, atol=1e-6)
    assert source.name.startswith("m")


def test_weights_alone_ask_for_their_model(weights: tuple[Path, Any]) -> None:
    with pytest.raises(CaptureError, match="it holds weights alone") as caught:
        load(weights[0])
    assert "--model module:function" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("place", "error", "what"),
    [
        ("models.py:other", CaptureError, "the weights do not fit the model|its weights have the shapes"),
        ("models.py:number", CaptureError, "it returned a int, no Keras model"),
        ("models.py:missing", ConfigError, "has no function 'missing'"),
        ("nothing.json", ConfigError, "there is no file"),
        ("models.py", CaptureError, "is no JSON"),
    ],
)
def test_what_is_no_model_of_them_is_said(weights: tuple[Path, Any], place: str, error: Any, what: str) -> None:
    path, _ = weights
    with pytest.raises(error, match=what):
        load(path, architecture=str(path.parent / place))
