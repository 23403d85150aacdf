"""Files of other versions of Keras: their config is brought to the version that is here, or refused by name."""

from __future__ import annotations

import importlib
import inspect
import json
import warnings
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kexport.capture.load import load
from kexport.capture.sources import newer
from kexport.capture.sources.lambdas import with_config
from kexport.capture.sources.newer import for_this_keras, translate
from kexport.capture.sources.settings import OPERATIONS, SETTINGS
from kexport.capture.versions import minor
from kexport.errors import CaptureError, KexportWarning
from tests.capture.agree import normal, randomize

POLICY = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "mixed_float16"}, "registered_name": None}


def layer(name: str, module: str = "keras.layers", **config: Any) -> dict[str, Any]:
    """The config of a layer in a file."""
    return {"module": module, "class_name": name, "config": {"name": "x", **config}, "registered_name": None}


def told(config: dict[str, Any], version: tuple[int, int], theirs: str = "3.99.0") -> tuple[dict[str, Any], list[str]]:
    """The settings that a version gets, and what was left out."""
    made, left_out = translate(config, version, theirs, "m.keras")
    return made["config"], left_out


@pytest.mark.parametrize(
    ("name", "key", "value", "since"),
    [
        ("MultiHeadAttention", "use_gate", False, (3, 14)),
        ("MultiHeadAttention", "flash_attention", True, (3, 7)),
        ("Dense", "quantization_config", None, (3, 13)),
        ("InputLayer", "ragged", False, (3, 9)),
        ("BatchNormalization", "renorm_momentum", 0.7, (3, 14)),
        ("RandomContrast", "value_range", [0, 255], (3, 8)),
    ],
)
def test_what_makes_no_difference_is_left_out(name: str, key: str, value: Any, since: tuple[int, int]) -> None:
    config = layer(name, **{key: value}, units=3)
    assert told(config, (since[0], since[1] - 1)) == ({"name": "x", "units": 3}, [f"{name}.{key}"])
    assert told(config, since) == (config["config"], [])


@pytest.mark.parametrize(
    ("name", "key", "value", "since"),
    [
        ("MultiHeadAttention", "use_gate", True, "3.14"),
        ("GroupedQueryAttention", "sliding_window", 0, "3.15"),
        ("BatchNormalization", "renorm", True, "3.14"),
        ("Resizing", "antialias", True, "3.9"),
        ("InputLayer", "optional", 0, "3.4"),
    ],
)
def test_what_makes_a_difference_is_refused_by_name(name: str, key: str, value: Any, since: str) -> None:
    model = layer("Functional", "keras", layers=[layer(name, **{key: value})])
    with pytest.raises(CaptureError) as caught:
        translate(model, (3, 3), "3.15.1", "m.keras")
    assert caught.value.where == "m.keras"
    assert f"x/x: {name} with {key}={value!r}, which came with Keras {since}" in caught.value.what
    assert caught.value.hint == f"pip install 'keras>={since}'"


def test_what_went_is_left_out_too() -> None:
    assert told(layer("LayerNormalization", rms_scaling=False), (3, 11)) == (
        {"name": "x"},
        ["LayerNormalization.rms_scaling"],
    )
    assert told(layer("LayerNormalization", rms_scaling=False), (3, 10))[1] == []


def test_settings_of_other_classes_and_of_users_are_kept() -> None:
    for config in (
        layer("Mine", "mine", use_gate=False),
        layer("MultiHeadAttention", "mine", use_gate=False),
        layer("MultiHeadAttention", use_gate=False) | {"registered_name": "mine>MultiHeadAttention"},
        layer("Conv2D", use_gate=False),
    ):
        assert told(config, (3, 4)) == (config["config"], [])


def test_policies_become_names_where_they_were_names() -> None:
    assert told(layer("Dense", dtype=POLICY), (3, 3))[0]["dtype"] == "mixed_float16"
    assert told(layer("Dense", dtype=POLICY), (3, 4))[0]["dtype"] == POLICY
    quantized = {**POLICY, "class_name": "QuantizedDTypePolicy", "config": {"mode": "int8", "source_name": "float32"}}
    assert told(layer("Dense", dtype=quantized), (3, 3))[0]["dtype"] == "int8_from_float32"


def test_classes_have_the_names_that_they_had() -> None:
    initializer = layer("Orthogonal", "keras.initializers", gain=1.0)
    for version, name in (((3, 6), "OrthogonalInitializer"), ((3, 7), "Orthogonal")):
        made, _ = translate(layer("LSTM", recurrent_initializer=initializer), version, "3.99.0", "m.keras")
        assert made["config"]["recurrent_initializer"]["class_name"] == name


def test_operations_have_no_names_where_they_had_none() -> None:
    flip = layer("Flip", "keras.src.ops.numpy", axis=1)
    assert told(flip, (3, 10)) == ({"axis": 1}, [])
    assert told(flip, (3, 11)) == (flip["config"], [])
    assert told(layer("ZerosLike", "keras.src.ops.numpy", dtype=None), (3, 10))[0] == {}
    with pytest.raises(CaptureError, match=r"ZerosLike with dtype='int8', which came with Keras 3\.11"):
        told(layer("ZerosLike", "keras.src.ops.numpy", dtype="int8"), (3, 10))


def test_a_single_tensor_is_a_list_where_there_were_lists_alone() -> None:
    model = layer("Functional", "keras", input_layers=["a", 0, 0], output_layers=[["b", 0, 0], ["c", 0, 0]])
    assert told(model, (3, 3))[0]["input_layers"] == [["a", 0, 0]]
    assert told(model, (3, 3))[0]["output_layers"] == model["config"]["output_layers"]
    assert told(model, (3, 4))[0]["input_layers"] == ["a", 0, 0]


def test_all_settings_are_of_this_keras(keras: Any) -> None:
    """A key that is misspelled would be passed over."""
    if minor(keras.__version__) != (3, 15):
        pytest.skip("the tables are of Keras 3.15")
    ops = [importlib.import_module(f"keras.src.ops.{name}") for name in ("numpy", "image", "core", "linalg", "nn")]
    for homes, table in (((keras.layers, keras.initializers), SETTINGS), (ops, OPERATIONS)):
        for name, settings in table.items():
            known = parameters(homes, name)
            assert known is None or {k for k, s in settings.items() if s.exists_in((3, 15))} <= known, name


def parameters(homes: Iterable[Any], name: str) -> set[str] | None:
    """What the constructors of a class and of its bases take; None where there is no such class."""
    cls = next((c for home in homes if (c := getattr(home, name, None)) is not None), None)
    if cls is None:
        return None
    constructors = [c.__init__ for c in cls.__mro__ if c is not object]
    return {parameter for c in constructors for parameter in inspect.signature(c).parameters}


@pytest.fixture
def model(keras: Any) -> Any:
    """Layers with settings that came in several versions."""
    x = keras.Input((4, 3), name="rows")
    y = keras.layers.MultiHeadAttention(2, 3, name="attention")(x, x)
    y = keras.layers.BatchNormalization(name="norm")(keras.layers.Dense(5, name="dense")(y))
    return randomize(keras.Model(x, y, name="small"))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_file_of_a_newer_version_is_read(
    suffix: str, model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"m{suffix}"
    model.save(path)
    monkeypatch.setattr(newer, "running", lambda package: (3, 6))
    left_out = {"attention.use_gate", "norm.renorm", "dense.quantization_config"}
    with pytest.warns(
        KexportWarning, match=r"was written by Keras 3\.\S+, newer than this 3\.6.*MultiHeadAttention\.\w+"
    ):
        found = load(path)
    assert left_out
    assert found.path == str(path)
    assert found.name == "m"
    batch = normal(2, 4, 3)
    np.testing.assert_allclose(found.run([batch])[0], load(model).run([batch])[0], rtol=1e-5, atol=1e-6)


def test_the_copy_differs_in_its_config_alone(model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kexport.capture.sources.archive import read_archive

    path = tmp_path / "m.keras"
    model.save(path)
    before = path.read_bytes()
    monkeypatch.setattr(newer, "running", lambda package: (3, 6))
    archive = read_archive(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        present = for_this_keras(archive.config, "3.99.0", path)
        with with_config(path, present) as copy, zipfile.ZipFile(copy) as a, zipfile.ZipFile(path) as b:
            assert a.testzip() is None
            assert sorted(a.namelist()) == sorted(b.namelist())
            same = [n for n in a.namelist() if a.read(n) == b.read(n)]
            assert sorted(same) == ["metadata.json", "model.weights.h5"]
            assert "use_gate" not in json.dumps(json.loads(a.read("config.json")))
    assert not copy.exists()
    assert path.read_bytes() == before


def test_a_file_of_this_version_is_read_as_it_is(model: Any, tmp_path: Path, keras: Any) -> None:
    path = tmp_path / "m.keras"
    model.save(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error", KexportWarning)
        config = {"class_name": "Functional"}
        assert for_this_keras(config, keras.__version__, path) is config
