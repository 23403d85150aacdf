"""Files of older Keras 2: three layouts of weights, cuDNN layers, and options that had no name yet.

`keras2_files` were written by Keras 2.13, 2.14 and 2.15, with what each answered: `NAME.npz` has `x` and `y`.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kexport.capture.capturing import capture
from kexport.capture.load import load
from kexport.errors import CaptureError

h5py = pytest.importorskip("h5py", reason="h5py reads .h5 files")
pytestmark = pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
FILES = Path(__file__).parent / "keras2_files"


@pytest.mark.parametrize("name", sorted(p.stem for p in FILES.glob("*.keras")))
def test_every_layout_of_weights_is_read(name: str) -> None:
    recorded = np.load(FILES / f"{name}.npz")
    source = load(FILES / f"{name}.keras")
    np.testing.assert_allclose(source.run([recorded["x"]])[0], recorded["y"], atol=1e-6)
    capture(source)


def test_backslashes_of_windows_are_separators(tmp_path: Path) -> None:
    path = rewritten(FILES / "keras_2_15.keras", tmp_path, lambda name: name.replace("/", "\\", name.count("/") - 2))
    recorded = np.load(FILES / "keras_2_15.npz")
    np.testing.assert_allclose(load(path).run([recorded["x"]])[0], recorded["y"], atol=1e-6)


def test_weights_of_no_layer_are_refused_by_name(tmp_path: Path) -> None:
    path = rewritten(FILES / "keras_2_15.keras", tmp_path, lambda name: name.replace("layers/gru/", "layers/gone/"))
    with pytest.raises(CaptureError, match=r"gru\w*: its weights have the shapes .* the file has \[\]"):
        load(path)


def rewritten(source: Path, folder: Path, rename: Callable[[str], str]) -> Path:
    """A copy of a .keras file whose arrays have other paths."""
    path = folder / "copy.keras"
    data = io.BytesIO()
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w") as new:
        with h5py.File(io.BytesIO(old.read("model.weights.h5"))) as stored, h5py.File(data, "w") as made:
            arrays: dict[str, Any] = {}
            stored.visititems(lambda name, item: arrays.update({name: item[()]} if hasattr(item, "dtype") else {}))
            for name, array in arrays.items():
                made[rename(name)] = array
        for member in old.namelist():
            new.writestr(member, data.getvalue() if member == "model.weights.h5" else old.read(member))
    return path


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
@pytest.mark.parametrize("both", [False, True])
def test_cudnn_layers_are_the_layers_that_they_compute(tf_keras: Any, tmp_path: Path, kind: str, both: bool) -> None:
    layer = getattr(tf_keras.layers, kind)(4, name="rnn")
    model = tf_keras.Sequential([tf_keras.Input((5, 3)), tf_keras.layers.Bidirectional(layer) if both else layer])
    model.set_weights([np.random.RandomState(0).randn(*w.shape).astype("f4") for w in model.get_weights()])
    path = tmp_path / "plain.h5"
    model.save(path)
    as_cudnn(path, kind)
    x = np.random.RandomState(1).randn(2, 5, 3).astype("f4")
    source = load(path)
    np.testing.assert_allclose(source.run([x])[0], model.predict(x, verbose=0), atol=1e-6)
    assert {n.op.name for n in capture(source).graph.nodes} & {"lstm", "gru"}


def as_cudnn(path: Path, kind: str) -> None:
    """Make the recurrent layers of a file those of cuDNN, with weights in its order: all transposed, biases in two."""
    with h5py.File(path, "a") as file:
        config = json.loads(file.attrs["model_config"])
        for layer in nested(config, kind):
            layer["class_name"] = f"CuDNN{kind}"
            for option in ("activation", "recurrent_activation", "use_bias", "reset_after"):
                layer["config"].pop(option, None)
        file.attrs["model_config"] = json.dumps(config)
        arrays: dict[str, Any] = {}
        file["model_weights"].visititems(lambda n, item: arrays.update({n: item[()]} if hasattr(item, "dtype") else {}))
        for name, array in arrays.items():
            del file["model_weights"][name]
            file["model_weights"][name] = cudnn_weight(name, array, 4 if kind == "LSTM" else 3)


def cudnn_weight(name: str, array: Any, gates: int) -> Any:
    if "bias" in name:
        return np.concatenate([array, np.zeros_like(array)]) if array.ndim == 1 else array.reshape(-1)
    parts = np.split(array, gates, axis=1)
    return np.hstack([part.T if "recurrent" in name else part.T.reshape(part.shape) for part in parts])


def nested(config: Any, kind: str) -> list[Any]:
    """All entries of a class in a config."""
    if isinstance(config, list):
        return [found for item in config for found in nested(item, kind)]
    if not isinstance(config, dict):
        return []
    own = [config] if config.get("class_name") == kind else []
    return own + [found for item in config.values() for found in nested(item, kind)]


@pytest.mark.parametrize("reset_after", [False, True])
@pytest.mark.parametrize("both", [False, True])
def test_the_bias_tells_how_a_gru_resets(tf_keras: Any, tmp_path: Path, reset_after: bool, both: bool) -> None:
    layer = tf_keras.layers.GRU(4, reset_after=reset_after, bias_initializer="random_normal")
    model = tf_keras.Sequential([tf_keras.Input((5, 3)), tf_keras.layers.Bidirectional(layer) if both else layer])
    path = tmp_path / "gru.h5"
    model.save(path)
    with h5py.File(path, "a") as file:
        config = json.loads(file.attrs["model_config"])
        for entry in nested(config, "GRU"):
            del entry["config"]["reset_after"]
        file.attrs["model_config"] = json.dumps(config)
    x = np.random.RandomState(1).randn(2, 5, 3).astype("f4")
    np.testing.assert_allclose(load(path).run([x])[0], model.predict(x, verbose=0), atol=1e-6)


@pytest.mark.parametrize("name", ["swish", "silu", "relu"])
def test_activations_stored_as_built_ins_are_known(tf_keras: Any, tmp_path: Path, name: str) -> None:
    x = tf_keras.Input((3,))
    model = tf_keras.Model(x, tf_keras.layers.Dense(2, "swish" if name == "silu" else name, name="d")(x))
    path = tmp_path / "m.h5"
    model.save(path)
    with h5py.File(path, "a") as file:
        config = json.loads(file.attrs["model_config"])
        (entry,) = nested(config, "Dense")
        stored = {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}
        entry["config"]["activation"] = stored
        file.attrs["model_config"] = json.dumps(config)
    data = np.ones((2, 3), "f4")
    np.testing.assert_allclose(load(path).run([data])[0], model.predict(data, verbose=0), atol=1e-6)


def test_the_reason_of_a_framework_is_not_cut(tf_keras: Any, tmp_path: Path) -> None:
    x = tf_keras.Input((3,))
    path = tmp_path / "m.keras"
    tf_keras.Model(x, tf_keras.layers.Dense(2, name="d")(x)).save(path)
    copy = tmp_path / "bad.keras"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(copy, "w") as new:
        for member in old.namelist():
            data = old.read(member)
            new.writestr(member, data.replace(b'"units": 2', b'"units": -2') if member == "config.json" else data)
    with pytest.raises(CaptureError, match=r"cannot load it: .*positive integer"):
        load(copy)
