"""Models of Keras 2 and .h5 files: read by the Keras that wrote them, after a look inside."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kexport.capture.load import load
from kexport.capture.tracing.start import trace
from kexport.capture.tracing.trace import Spec
from kexport.errors import CaptureError

h5py = pytest.importorskip("h5py", reason="h5py reads .h5 files")
pytestmark = pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")


@pytest.fixture(scope="module")
def old_file(tf_keras: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A .h5 file of Keras 2 with a hard sigmoid, which means something else in Keras 3."""
    x = tf_keras.Input((3,), name="x")
    hard = tf_keras.layers.Dense(4, activation="hard_sigmoid", name="hard")(x)
    model = tf_keras.Model(x, [tf_keras.layers.Dense(2, name="out")(hard)[:, :1] * 2.0, hard])
    path = tmp_path_factory.mktemp("old") / "old.h5"
    model.save(path)
    return path


@pytest.fixture
def edited(old_file: Path, tmp_path: Path) -> Callable[..., Path]:
    """A copy of the file after `edit(h5py file, config)`."""

    def make(edit: Callable[[Any, Any], None]) -> Path:
        path = tmp_path / "edited.h5"
        path.write_bytes(old_file.read_bytes())
        with h5py.File(path, "a") as file:
            config = json.loads(file.attrs["model_config"])
            edit(file, config)
            if "model_config" in file.attrs:
                file.attrs["model_config"] = json.dumps(config)
        return path

    return make


def test_keras_2_files_mean_what_keras_2_meant(old_file: Path) -> None:
    source = load(old_file)
    assert (source.kind, source.inputs) == ("keras2", [Spec("x", "float32", (None, 3))])
    assert len(source.output_names or ()) == 2
    x = np.array([[0.3, -0.2, 0.9]], "float32")
    kernel = source.model.get_layer("hard").kernel.numpy()
    np.testing.assert_allclose(source.run([x])[1], np.clip(0.2 * (x @ kernel) + 0.5, 0, 1), atol=1e-6)


def test_keras_2_layers_have_frames(old_file: Path) -> None:
    found = trace(load(old_file))
    frames = {found.frame_of(op).path: found.frame_of(op) for op in found.graph.get_operations()}
    assert frames["hard"].label == "layer2.Dense"
    assert frames["hard"].is_kind("layer2.Dense")
    assert not frames["hard"].is_kind("layer.Dense")
    assert frames["hard"].bound()["inputs"] is found.inputs[0].tensor


def test_a_live_keras_2_model(tf_keras: Any) -> None:
    model = tf_keras.Sequential([tf_keras.Input((3,), name="x"), tf_keras.layers.Dense(2, name="out")])
    assert load(model).output_names == ["out"]


def test_a_subclassed_keras_2_model_is_refused(tf_keras: Any) -> None:
    with pytest.raises(CaptureError, match="subclassed or not built") as error:
        load(tf_keras.Model())
    assert "SavedModel" in str(error.value.hint)


def test_keras_3_files_are_read_by_keras_3(keras: Any, tmp_path: Path) -> None:
    x = keras.Input((3,), name="x")
    keras.Model(x, keras.layers.Dense(2, activation="hard_sigmoid", name="out")(x)).save(tmp_path / "new.h5")
    source = load(tmp_path / "new.h5")
    assert (source.kind, source.output_names) == ("keras", ["out"])


def test_keras_files_of_keras_2_are_read_by_keras_2(tf_keras: Any, tmp_path: Path) -> None:
    x = tf_keras.Input((3,), name="x")
    tf_keras.Model(x, tf_keras.layers.Dense(2, name="out")(x)).save(tmp_path / "two.keras")
    assert load(tmp_path / "two.keras").kind == "keras2"


@pytest.mark.parametrize("version", ["1.2.2", None])
def test_a_model_of_keras_2_in_a_file_of_keras_1(version: str | None, edited: Callable[..., Path]) -> None:
    def edit(file: Any, config: Any) -> None:
        del file.attrs["keras_version"]
        if version:
            file.attrs["keras_version"] = version

    with pytest.raises(CaptureError, match="a model of class Functional in a form that Keras 1 did not write"):
        load(edited(edit))


def test_a_version_that_is_none(edited: Callable[..., Path]) -> None:
    def edit(file: Any, config: Any) -> None:
        file.attrs["keras_version"] = "new"

    with pytest.raises(CaptureError, match="written by Keras 'new', which is no version of Keras"):
        load(edited(edit))


def test_a_lambda_needs_trust(tf_keras: Any, tmp_path: Path) -> None:
    x = tf_keras.Input((3,))
    triple = tf_keras.layers.Lambda(lambda v: v * 3 if v.shape[-1] else v, name="triple")
    tf_keras.Model(x, triple(x)).save(tmp_path / "lambda.h5")
    with pytest.raises(CaptureError, match="triple: a lambda, stored as Python bytecode"):
        load(tmp_path / "lambda.h5")
    assert load(tmp_path / "lambda.h5", trust=True).run([np.ones((1, 3), "float32")])[0].tolist() == [[3, 3, 3]]


def test_a_class_of_a_foreign_module_is_not_imported(edited: Callable[..., Path]) -> None:
    def edit(file: Any, config: Any) -> None:
        initializer = {"module": "antigravity", "class_name": "Fly", "config": {}, "registered_name": None}
        config["config"]["layers"][1]["config"]["kernel_initializer"] = initializer

    with pytest.raises(CaptureError, match="hard: class Fly of antigravity"):
        load(edited(edit))


def test_an_unknown_layer_is_named(edited: Callable[..., Path]) -> None:
    def edit(file: Any, config: Any) -> None:
        config["config"]["layers"][1]["class_name"] = "Odd"

    with pytest.raises(CaptureError, match="hard: class Odd"):
        load(edited(edit))


def link_out(file: Any, config: Any) -> None:
    file["model_weights/out/evil"] = h5py.ExternalLink("other.h5", "/secret")


def soft_link(file: Any, config: Any) -> None:
    file["model_weights/evil"] = h5py.SoftLink("/nowhere")


def outside_data(file: Any, config: Any) -> None:
    file.create_dataset("evil", (4,), "f4", external=[("other.bin", 0, 16)])


def virtual_data(file: Any, config: Any) -> None:
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "secret", (4,))
    file.create_virtual_dataset("evil", layout)


def bomb(file: Any, config: Any) -> None:
    file.create_dataset("evil", (1 << 30,), "f4", compression="gzip", chunks=(1 << 20,))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (link_out, "model_weights/out/evil is a link to somewhere else"),
        (soft_link, "model_weights/evil is a link to somewhere else"),
        (outside_data, "/evil takes its values from another file"),
        (virtual_data, "/evil takes its values from another file"),
        (bomb, "/evil unpacks from 0 to 4294967296 bytes"),
    ],
)
def test_hostile_files_are_refused(edit: Callable[[Any, Any], None], message: str, edited: Callable[..., Path]) -> None:
    with pytest.raises(CaptureError, match=message):
        load(edited(edit))


def test_weights_alone_are_refused(keras: Any, tmp_path: Path, edited: Callable[..., Path]) -> None:
    x = keras.Input((3,))
    keras.Model(x, keras.layers.Dense(2)(x)).save_weights(tmp_path / "new.weights.h5")
    for path in (tmp_path / "new.weights.h5", edited(lambda file, config: file.attrs.pop("model_config"))):
        with pytest.raises(CaptureError, match="weights alone") as error:
            load(path)
        assert "--model" in str(error.value.hint)


@pytest.mark.parametrize("size", [0, 4, 3000])
def test_a_truncated_file_is_refused(size: int, old_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.h5"
    path.write_bytes(old_file.read_bytes()[:size])
    with pytest.raises(CaptureError, match="damaged or no HDF5 file"):
        load(path)


@pytest.mark.parametrize(("config", "message"), [("{", "is no JSON"), ("[]", "holds no model")])
def test_a_broken_config_is_refused(config: str, message: str, old_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "broken.h5"
    path.write_bytes(old_file.read_bytes())
    with h5py.File(path, "a") as file:
        file.attrs["model_config"] = config
    with pytest.raises(CaptureError, match=message):
        load(path)


@pytest.mark.parametrize("backend", ["theano", "tensorflow", "cntk", "mxnet", None])
def test_kernels_are_slid_as_their_backend_did(tf_keras: Any, tmp_path: Path, backend: str | None) -> None:
    """Theano flips the kernels of convolutions; Keras flipped those of depthwise ones for it."""
    layers = tf_keras.layers
    options = {"data_format": "channels_last", "name": "conv"}
    kinds = (
        layers.Conv2D(2, (2, 3), **options),
        layers.Conv2DTranspose(2, (2, 3), **options),
        layers.SeparableConv2D(2, (2, 3), **options),
    )
    x = np.random.default_rng(0).standard_normal((2, 5, 6, 2)).astype(np.float32)
    for kind, layer in enumerate(kinds):
        model = tf_keras.Sequential([tf_keras.Input((5, 6, 2)), layer])
        model.save(tmp_path / "old.h5")
        with h5py.File(tmp_path / "old.h5", "a") as file:
            for group in (file, file["model_weights"]):
                del group.attrs["backend"]
                if backend:
                    group.attrs["backend"] = backend
        found = load(tmp_path / "old.h5").run([x])[0]
        if backend == "theano" and kind < 2:
            layer.set_weights([w[::-1, ::-1] if w.ndim == 4 else w for w in layer.get_weights()])
        np.testing.assert_allclose(found, model.predict(x, verbose=0), atol=1e-5)


def test_an_unknown_backend(edited: Callable[..., Path]) -> None:
    def edit(file: Any, config: Any) -> None:
        file.attrs["backend"] = "other"

    with pytest.raises(CaptureError, match="saved on the backend 'other', of which it is not known how it convolves"):
        load(edited(edit))


def test_padding_that_theano_puts_elsewhere_is_refused(tf_keras: Any, tmp_path: Path) -> None:
    conv = tf_keras.layers.Conv2D(1, 3, strides=2, padding="same", name="conv")
    tf_keras.Sequential([tf_keras.Input((8, 8, 1)), conv]).save(tmp_path / "old.h5")
    with h5py.File(tmp_path / "old.h5", "a") as file:
        file.attrs["backend"] = "theano"
    with pytest.raises(CaptureError, match="conv: its padding 'same' of windows of 3 at steps of 2 over 8 elements"):
        load(tmp_path / "old.h5")
