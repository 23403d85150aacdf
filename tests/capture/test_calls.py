"""Calls in saved functional models: those that can be made, and those for which Keras 2 would wait for ever."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kexport.capture.load import load
from kexport.capture.sources import keras3_limits
from kexport.capture.sources.limits import MAX_ATTEMPTS, MAX_DEPTH, parse_json
from kexport.capture.sources.nodes import check_calls
from kexport.errors import CaptureError

Config = dict[str, Any]


def layer(name: str, *calls: Any, kind: str = "Dense", **config: Any) -> Config:
    return {"class_name": kind, "name": name, "config": {"name": name, **config}, "inbound_nodes": list(calls)}


def model(*layers: Config, inputs: Any = (("x", 0, 0),), outputs: Any) -> Config:
    ports = {"input_layers": [list(i) for i in inputs], "output_layers": outputs}
    return {"class_name": "Functional", "config": {"name": "m", "layers": list(layers), **ports}}


X = layer("x", kind="InputLayer")


def test_calls_that_can_be_made() -> None:
    inner = {
        "layers": [X, layer("d", [["x", 0, 0, {}]])],
        "input_layers": [["x", 0, 0]],
        "output_layers": [["d", 0, 0]],
    }
    check_calls(
        model(
            layer("late", [["shared", 1, 0, {}]]),
            X,
            layer("shared", [["x", 0, 0, {}]], [["inner", 1, 0, {}]]),
            layer("inner", [["shared", 0, 0, {}]], kind="Functional", **inner),
            layer("mine", [["late", 0, 0]], kind="Mine"),
            layer("sum", [["mine", 1, 0, {}], ["late", 0, 0, {"y": ["x", 0, 0], "z": [1, 2, 3]}]], kind="Add"),
            layer("constant", ["_CONSTANT_VALUE", -1, [[1.0]], {"y": ["sum", 0, 0]}], kind="TFOpLambda"),
            outputs={"a": ["constant", 0, 0], "b": [["sum", 0, 0]]},
        )
    )


HOPELESS = {
    "missing layer": ([layer("a", [["none", 0, 0, {}]])], "a", "called on results that are never there"),
    "itself": ([layer("a", [["a", 0, 0, {}]])], "a", "called on results that are never there"),
    "a circle": ([layer("a", [["b", 0, 0, {}]]), layer("b", [["a", 0, 0, {}]])], "a", "never there"),
    "a call that is not": ([layer("a", [["x", 0, 0, {}]]), layer("b", [["a", 1, 0, {}]])], "b", "never there"),
    "a negative call": ([layer("a", [["x", 0, 0, {}]]), layer("b", [["a", -1, 0, {}]])], "b", "never there"),
    "in an argument": ([layer("a", [["x", 0, 0, {"y": ["none", 0, 0]}]])], "a", "never there"),
    "in a list of arguments": ([layer("a", [["x", 0, 0, {"y": [["none", 0, 0]]}]])], "a", "never there"),
    "its own later call": ([layer("a", [["a", 1, 0, {}]], [["x", 0, 0, {}]])], "a", "never there"),
    "an output": ([layer("b", [["x", 0, 0, {}]])], "a", "asked for and not in the model"),
    "no number": ([layer("a", [["x", None, 0, {}]])], None, "not in a form that Keras writes"),
    "no name": ([{**layer("a"), "name": 3}], None, "not in a form that Keras writes"),
    "no calls": ([{**layer("a"), "inbound_nodes": None}], None, "not in a form that Keras writes"),
}


@pytest.mark.parametrize("case", HOPELESS)
def test_calls_that_cannot_be_made(case: str) -> None:
    layers, where, message = HOPELESS[case]
    with pytest.raises(CaptureError, match=message) as error:
        check_calls(model(X, *layers, outputs=[["a", 0, 0]]))
    assert error.value.where == where


def test_a_model_in_a_model_is_named_with_its_path() -> None:
    inner = {"layers": [X, layer("d", [["e", 0, 0]])], "input_layers": [["x", 0, 0]], "output_layers": [["d", 0, 0]]}
    with pytest.raises(CaptureError) as error:
        check_calls(model(X, layer("inner", [["x", 0, 0]], kind="Functional", **inner), outputs=[["inner", 1, 0]]))
    assert error.value.where == "inner/d"


def test_many_layers_in_the_worst_order_take_no_time() -> None:
    chain = [layer(f"l{i}", [[f"l{i - 1}" if i else "x", 0, 0, {}]]) for i in range(20_000)]
    started = time.monotonic()
    check_calls(model(*reversed(chain), X, outputs=[["l9", 0, 0]]))
    wide = [layer("sum", [["x", 0, 0, {}], *([f"l{i}", 0, 0, {}] for i in range(20_000))])]
    check_calls(model(*wide, *reversed(chain), X, outputs=[["sum", 0, 0]]))
    assert time.monotonic() - started < 5


@pytest.fixture
def edited(tf_keras: Any, tmp_path: Path) -> Callable[[Callable[[Any], None]], Path]:
    """A .h5 file of x -> a -> b after a change to the layers of its config."""
    import h5py

    def make(edit: Callable[[Any], None]) -> Path:
        x = tf_keras.Input((2,), name="x")
        a = tf_keras.layers.Dense(2, name="a")(x)
        tf_keras.Model(x, tf_keras.layers.Add(name="b")([a, x])).save(tmp_path / "m.h5")
        with h5py.File(tmp_path / "m.h5", "a") as file:
            config = json.loads(file.attrs["model_config"])
            edit({entry["name"]: entry for entry in config["config"]["layers"]})
            file.attrs["model_config"] = json.dumps(config)
        return tmp_path / "m.h5"

    return make


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_a_result_that_a_layer_does_not_have_is_not_waited_for(edited: Callable[..., Path]) -> None:
    """Only the layer knows how many results it has, and Keras 2 takes one too many for one that comes later."""

    def edit(layers: Any) -> None:
        layers["b"]["inbound_nodes"] = [[["a", 0, 0, {"y": ["a", 0, 5]}]]]

    with pytest.raises(CaptureError, match="a layer takes a result of it that is never there") as error:
        load(edited(edit))
    assert str(error.value.where).endswith("m.h5: a")


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_weights_that_no_file_of_this_size_holds_are_not_made(edited: Callable[..., Path]) -> None:
    def edit(layers: Any) -> None:
        layers["a"]["config"]["units"] = 5_000_000_000

    with pytest.raises(CaptureError, match="asks for weights of 40000000000 bytes and more, which the file cannot"):
        load(edited(edit))


def test_no_version_of_keras_3_tries_for_ever(keras: Any) -> None:
    from keras.src.models import functional

    node: list[Any] = []
    with keras3_limits.limited_attempts():
        for _ in range(MAX_ATTEMPTS):
            functional.deserialize_node(node, {})
        with pytest.raises(CaptureError, match="called on results that are never there"):
            functional.deserialize_node(node, {})
    functional.deserialize_node(node, {})


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_keras_3_makes_no_such_weights_either(keras: Any, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"m{suffix}"
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="big")]).save(path)
    data = path.read_bytes()
    if suffix == ".h5":
        import h5py

        with h5py.File(path, "a") as file:
            text: Any = file.attrs["model_config"]
            file.attrs["model_config"] = text.replace('"units": 2,', '"units": 5000000000,')
    else:
        with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(path, "w") as new:
            for name in old.namelist():
                new.writestr(name, old.read(name).replace(b'"units": 2,', b'"units": 5000000000,'))
    with pytest.raises(CaptureError, match="asks for weights of 60000000000 bytes and more") as error:
        load(path)
    assert error.value.where == f"{path}: big"


def test_json_has_limits() -> None:
    assert parse_json("[" * 150 + "]" * 150, "it") is not None
    for text in ("[" * 300 + "]" * 300, "[" * 1_000_000, '{"a":' * 250 + "1" + "}" * 250):
        with pytest.raises(CaptureError, match=f"it is nested more than {MAX_DEPTH} levels deep"):
            parse_json(text, "it", "m.keras")
    for text in ("{", "[1,]", "", "1" * 10_000, "\udc80"):
        with pytest.raises(CaptureError, match="it is no JSON"):
            parse_json(text, "it", "m.keras")
