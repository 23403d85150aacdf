"""No Keras 2 file runs, reads or writes anything: every road from its config is closed before Keras 2 sees it."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from kexport.capture.load import load
from kexport.capture.sources.config import references
from kexport.capture.sources.guard import Verdict
from kexport.capture.sources.judge2 import keras2_judge
from kexport.capture.sources.keras2_config import settled
from kexport.errors import CaptureError
from tests.capture.hostile import ROADS, Config, dense, function, layer, thing

h5py = pytest.importorskip("h5py", reason="h5py reads .h5 files")
pytestmark = pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
Make = Callable[[str, Callable[[Config], Any]], Path]


@pytest.fixture(scope="module")
def files(tf_keras: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A functional model of Keras 2 in both formats: x -> l (Dense) -> out (Dense)."""
    x = tf_keras.Input((3,), name="x")
    inner = tf_keras.layers.Dense(2, name="l")(x)
    model = tf_keras.Model(x, tf_keras.layers.Dense(2, name="out")(inner), name="m")
    folder = tmp_path_factory.mktemp("hostile")
    for name in ("m.h5", "m.keras"):
        model.save(folder / name)
    return {p.suffix: p for p in folder.iterdir()}


@pytest.fixture
def make(files: dict[str, Path], tmp_path: Path) -> Make:
    """A copy of the file with its config edited; `suffix` says which one."""

    def change(suffix: str, edit: Callable[[Config], Any]) -> Path:
        path = tmp_path / f"edited{suffix}"
        path.write_bytes(files[suffix].read_bytes())
        if suffix == ".h5":
            with h5py.File(path, "a") as file:
                config = json.loads(file.attrs["model_config"])
                edit(config)
                file.attrs["model_config"] = json.dumps(config)
            return path
        with zipfile.ZipFile(files[suffix]) as old, zipfile.ZipFile(path, "w") as new:
            for name in old.namelist():
                data = old.read(name)
                if name == "config.json":
                    config = json.loads(data)
                    edit(config)
                    data = json.dumps(config).encode()
                new.writestr(name, data)
        return path

    return change


def replace_layer(made: Config) -> Callable[[Config], None]:
    """An edit: layer `l` becomes another, called as before."""

    def edit(config: Config) -> None:
        old = config["config"]["layers"][1]
        kept = {k: old[k] for k in ("name", "inbound_nodes")}
        config["config"]["layers"][1] = {**kept, **made}

    return edit


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
@pytest.mark.parametrize("road", ROADS)
def test_every_road_is_closed_before_keras_2_sees_the_file(road: str, suffix: str, make: Make) -> None:
    made, message = ROADS[road]
    with (
        patch("kexport.capture.sources.keras2.build_keras2", side_effect=AssertionError("Keras 2 saw it")),
        pytest.raises(CaptureError) as error,
    ):
        load(make(suffix, replace_layer(made)))
    assert message in error.value.what
    assert error.value.hint


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_the_file_itself_is_loaded(suffix: str, make: Make) -> None:
    assert load(make(suffix, lambda config: None)).kind == "keras2"


def test_compile_settings_are_not_looked_at(make: Make) -> None:
    def edit(config: Config) -> None:
        bad = {"optimizer": thing("system", "os"), "loss": function("get_file", "keras.utils")}
        config["compile_config"] = bad
        config["config"]["layers"][1]["compile_config"] = bad

    assert load(make(".keras", edit)).kind == "keras2"


def test_modules_beside_functions_of_the_user_are_left_out() -> None:
    """Keras 2 puts all that such a module holds among its own names."""
    made = layer("Lambda", function="double", function_type="function", output_shape_type="raw", output_shape=None)
    made["config"].update(module="os", output_shape_module="os")
    found = settled(made, {"double"})["config"]
    assert (found["module"], found["output_shape_module"], found["function"]) == (None, None, "double")


def test_objects_of_the_user_are_found_by_name_and_nowhere_else() -> None:
    made = {**dense(), "class_name": "Popen", "module": "subprocess", "registered_name": None}
    assert keras2_judge({"Popen"})(references(made)[0]) is Verdict.ALLOWED
    assert settled(made, {"Popen"})["registered_name"] == "Popen"
    assert keras2_judge({"mine>Popen"})(references(made)[0]) is Verdict.UNKNOWN


def test_modules_of_other_versions_are_found(make: Make) -> None:
    def edit(config: Config) -> None:
        config["module"] = "keras.engine.functional"

    assert load(make(".keras", edit)).kind == "keras2"


HARMLESS = {
    "constructor": layer("Activation", activation="swish"),
    "activation of TensorFlow": dense(activation=function("relu", "tensorflow.python.ops.gen_nn_ops", "relu")),
    "activation layer": dense(activation={"class_name": "LeakyReLU", "config": {"alpha": 0.1}}),
    "function of the backend": layer("TFOpLambda", function="keras.backend.square"),
    "function of version 1": layer("TFOpLambda", function="compat.v1.math.negative"),
    "operation": layer(
        "TensorFlowOpLayer",
        node_def={"name": "Mul", "op": "Mul", "input": ["x", "Mul/y"], "attr": {"T": {"type": "DT_FLOAT"}}},
        constants={"1": 2.0},
    ),
    "loss": layer("AddLoss", unconditional=False),
    "policy": dense(dtype={"class_name": "Policy", "config": {"name": "float32"}}),
    "alias": dense(kernel_initializer="uniform", bias_constraint="nonneg"),
}


@pytest.mark.parametrize("case", HARMLESS)
def test_what_models_are_made_of_is_loaded(case: str, make: Make) -> None:
    width = 3 if HARMLESS[case]["class_name"] != "Dense" else 2

    def edit(config: Config) -> None:
        replace_layer(HARMLESS[case])(config)
        made = config["config"]["layers"][1]
        if width == 3:  # the layer has no weights, so that the model is the one layer
            made["inbound_nodes"] = [["x", 0, 0, {}]] if "function" in made["config"] else made["inbound_nodes"]
            made["class_name"] = HARMLESS[case]["class_name"]
            made["name"] = "l"

    path = make(".h5", edit)
    if width == 3:
        with h5py.File(path, "a") as file:
            for name in ("kernel:0", "bias:0"):
                del file[f"model_weights/l/l/{name}"]
            file["model_weights/l"].attrs["weight_names"] = np.array([], "S8")
            kernel = file["model_weights/out/out/kernel:0"][:]
            del file["model_weights/out/out/kernel:0"]
            file["model_weights/out/out/kernel:0"] = np.concatenate([kernel, kernel])[:3]
    assert load(path).kind == "keras2"
