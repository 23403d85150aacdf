"""SavedModel folders: their signatures as sources."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kexport.capture.load import load
from kexport.capture.tracing.start import trace
from kexport.capture.tracing.trace import Source, Spec
from kexport.errors import CaptureError, ConfigError

X = {"a": np.ones((2, 3), "float32"), "b": np.full((2, 2), 2, "float32")}


@pytest.fixture(scope="module")
def model(keras: Any) -> Source:
    """Two inputs, whose order by name is not the model's, and more than ten outputs."""
    b = keras.Input((2,), name="b")
    a = keras.Input((3,), name="a")
    outputs = [keras.layers.Dense(1 + i, name=f"d{i}")(b) for i in range(11)]
    return load(keras.Model([b, a], [*outputs, a]))


@pytest.fixture(scope="module")
def folder(model: Source, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "saved"
    model.model.export(path, verbose=False)
    return path


def test_a_signature_gives_what_the_model_gives(folder: Path, model: Source) -> None:
    source = load(folder)
    assert (source.kind, source.name) == ("savedmodel", "saved")
    assert set(source.inputs) == {Spec("a", "float32", (None, 3)), Spec("b", "float32", (None, 2))}
    assert source.output_names == [f"output_{i}" for i in range(12)]
    ours = source.run([X[s.name] for s in source.inputs])
    theirs = model.run([X[s.name] for s in model.inputs])
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_trace_finds_placeholders_functions_and_weights(folder: Path, model: Source) -> None:
    found = trace(load(folder))
    shapes = {i.name: i.tensor.shape.as_list() for i in found.inputs}
    assert shapes == {"a": [None, 3], "b": [None, 2]}
    assert [o.tensor.shape[-1] for o in found.outputs] == [*range(1, 12), 3]
    (call,) = [op for op in found.graph.get_operations() if op.type == "StatefulPartitionedCall"]
    body = found.function_graph(call)
    assert found.function_graph(call) is body
    assert sum(op.type == "MatMul" for op in body.get_operations()) == 11
    values = [found.constant_of(inner) for _, inner in found.graph.captures]
    kernels = {v.shape[1]: v for v in values if v.ndim == 2}
    np.testing.assert_array_equal(kernels[5], model.model.get_layer("d4").kernel.numpy())
    assert all(found.frame_of(op) is found.root for op in body.get_operations())


def save_functions(path: Path, **functions: Any) -> Path:
    import tensorflow as tf

    module = tf.Module()
    signatures = {}
    for name, (function, spec) in functions.items():
        setattr(module, name, tf.function(function, autograph=False))
        signatures[name] = getattr(module, name).get_concrete_function(x=spec)
    tf.saved_model.save(module, str(path), signatures)
    return path


def test_a_signature_is_chosen(keras: Any, tmp_path: Path) -> None:
    import tensorflow as tf

    spec = tf.TensorSpec((None, 2))
    two = save_functions(tmp_path / "two", up=(lambda x: {"y": x + 1}, spec), down=(lambda x: {"z": x - 1}, spec))
    assert load(two, signature="down").output_names == ["z"]
    for signature, message in ((None, "no signature 'serving_default'"), ("sideways", "no signature 'sideways'")):
        with pytest.raises(ConfigError, match=message) as error:
            load(two, signature=signature)
        assert error.value.hint.endswith("it has: down, up")
    only = save_functions(tmp_path / "one", up=(lambda x: {"y": x + 1}, spec))
    assert load(only).run([np.zeros((1, 2), "float32")])[0].tolist() == [[1, 1]]


def test_an_unknown_rank_is_refused(keras: Any, tmp_path: Path) -> None:
    import tensorflow as tf

    path = save_functions(tmp_path / "rank", f=(lambda x: {"y": x + 1}, tf.TensorSpec(None)))
    with pytest.raises(CaptureError, match="input 'x' has a shape of unknown rank"):
        load(path)


@pytest.mark.parametrize(
    ("content", "message"), [(b"", r"saved_model\.pb is empty"), (b"\xff\xff\xff", r"saved_model\.pb cannot be read")]
)
def test_a_broken_graph_is_refused(content: bytes, message: str, folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "broken")
    (tmp_path / "broken" / "saved_model.pb").write_bytes(content)
    with pytest.raises(CaptureError, match=message):
        load(tmp_path / "broken")


@pytest.fixture
def with_weights(keras: Any, tmp_path: Path) -> Path:
    """A SavedModel of one Dense layer."""
    x = keras.Input((3,), name="x")
    keras.Model(x, keras.layers.Dense(2, name="d")(x)).export(tmp_path / "whole", verbose=False)
    return tmp_path / "whole"


def test_variables_beside_the_graph_are_found(with_weights: Path, tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    for file in (p for p in with_weights.rglob("*") if p.is_file()):
        (flat / file.name).write_bytes(file.read_bytes())
    before = sorted(p.name for p in flat.iterdir())
    x = np.ones((2, 3), "float32")
    np.testing.assert_array_equal(load(flat).run([x])[0], load(with_weights).run([x])[0])
    np.testing.assert_array_equal(load(flat / "saved_model.pb").run([x])[0], load(with_weights).run([x])[0])
    assert load(flat).name == "flat"
    assert sorted(p.name for p in flat.iterdir()) == before


def test_a_graph_without_its_variables_is_refused(with_weights: Path) -> None:
    for file in (with_weights / "variables").iterdir():
        file.unlink()
    with pytest.raises(CaptureError, match="its variables are missing") as caught:
        load(with_weights)
    assert "variables/variables.index" in str(caught.value.hint)
