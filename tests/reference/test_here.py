"""Recording in this process: contracts, devices, layers."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from kexport.errors import ConfigError, VerifyError
from kexport.evidence.batches import Batch
from kexport.evidence.ranges import PIXELS, Range
from kexport.evidence.reference_file import Reference
from kexport.evidence.words import Words
from kexport.ir.contract import Contract, Port
from kexport.ir.types import TensorType
from kexport.reference import backends
from kexport.reference.backends import BACKENDS, Backend, child_environment, cpu_name, resolve_device
from kexport.reference.here import Request, predict, record_here
from kexport.reference.layers import layer_outputs
from kexport.reference.model import guess_ranges, plan_model


def test_the_contract_is_the_one_of_capture(recorded: Reference) -> None:
    assert [f"{p.name} {p.type}" for p in recorded.contract.inputs] == ["image f32[batch,height,width,3]"]
    assert [f"{p.name} {p.type}" for p in recorded.contract.outputs] == [
        "features f32[batch,features_1,features_2,6]",
        "probs f32[batch,5]",
    ]
    assert recorded.contract.output_structure == {"features": 0, "probs": 1}


def test_outputs_are_those_of_predict(cnn: Any, batches: list[Batch], recorded: Reference) -> None:
    for batch, recording in zip(batches, recorded.recordings, strict=True):
        expected = cnn.predict_on_batch(batch.inputs["image"])
        assert {k: v.tolist() for k, v in expected.items()} == {k: v.tolist() for k, v in recording.outputs.items()}


def test_layers_are_recorded_by_path_in_order_of_their_calls(recorded: Reference) -> None:
    layers = recorded.recordings[1].layers
    assert list(layers) == ["conv", "block/norm", "block/relu", "block", "pool", "probs"]
    assert np.array_equal(layers["block/relu"], layers["block"])
    assert np.allclose(layers["probs"], recorded.recordings[1].outputs["probs"], atol=1e-6)


def test_shared_layers_several_outputs_and_loops(keras: Any) -> None:
    layers = keras.layers
    shared = layers.Dense(4, name="shared")
    x = keras.Input((3, 4), name="x")
    h = shared(shared(x))
    sequence, state, _ = layers.LSTM(2, return_sequences=True, return_state=True, name="lstm")(h)
    y = layers.TimeDistributed(layers.Dense(2, name="inner"), name="each")(sequence)
    original = keras.layers.Layer.__call__
    found = layer_outputs(keras.Model(x, [y, state]), np.ones((2, 3, 4), np.float32))
    assert list(found) == ["shared", "shared:1", "lstm", "lstm#1", "lstm#2", "each"]
    assert keras.layers.Layer.__call__ is original


def test_the_patch_is_undone_after_an_error(cnn: Any, keras: Any) -> None:
    original = keras.layers.Layer.__call__
    with pytest.raises(ValueError, match="image"):
        layer_outputs(cnn, {"other": np.ones((1, 4, 4, 3), np.float32)})
    assert keras.layers.Layer.__call__ is original


def test_inputs_by_key_are_packed(keras: Any) -> None:
    a = keras.Input((2,), name="a")
    b = keras.Input((2,), name="b")
    model = keras.Model({"right": a, "left": b}, keras.layers.Subtract(name="out")([a, b]))
    arrays = {"left": np.array([[1, 2]], np.float32), "right": np.array([[5, 5]], np.float32)}
    plan = plan_model(model, None)
    assert [p.name for p in plan.contract.inputs] == ["left", "right"]
    reference = record_here(model, Request(batches=[Batch("b", "sample", {"batch": 1}, arrays)]))
    assert reference.recordings[0].outputs["out"].tolist() == [[4, 3]]


def test_subclassed_models_need_a_contract(keras: Any, recorded: Reference) -> None:
    class Custom(keras.Model):
        def call(self, x: Any) -> Any:
            return x * 2

    model = Custom(name="mine")
    model(np.ones((1, 3), np.float32))
    with pytest.raises(ConfigError, match="known only after it was exported"):
        record_here(model, Request())
    with pytest.raises(ConfigError, match="the inputs are x; the reference has image"):
        record_here(model, Request(contract=recorded.contract, batches=[]))
    contract = Contract((port("x", "f32[batch,3]"),), (port("y", "f32[batch,3]"),))
    batch = Batch("b", "sample", {"batch": 1}, {"x": np.ones((1, 3), np.float32)})
    assert record_here(model, Request(contract=contract, batches=[batch])).recordings[0].outputs["y"].tolist() == [
        [2] * 3
    ]


def port(name: str, type: str) -> Port:
    return Port(name, TensorType.parse(type))


def test_ranges_are_guessed_from_the_first_layers(keras: Any) -> None:
    ids = keras.Input((4,), name="ids", dtype="int32")
    image = keras.Input((8, 8, 3), name="image")
    e = keras.layers.Embedding(33, 2)(ids)
    r = keras.layers.Rescaling(1 / 255)(image)
    model = keras.Model([ids, image], [e, r])
    assert guess_ranges(model) == {"ids": Range("integers", 0, 32), "image": PIXELS}


def test_words_are_those_of_the_first_layers(keras: Any) -> None:
    text, word = (keras.Input((1,), dtype="string", name=n) for n in ("text", "word"))
    tokens = keras.layers.TextVectorization(vocabulary=["the", "cat"])(text)
    places = keras.layers.StringLookup(vocabulary=["a"], num_oov_indices=0)(word)
    assert guess_ranges(keras.Model([text, word], [tokens, places])) == {
        "text": Words(("the", "cat"), sentences=True, closed=False),
        "word": Words(("a",), sentences=False, closed=True),
    }


def test_samples_are_run_too(cnn: Any, tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", image=np.ones((2, 6, 6, 3), np.uint8))
    hints = {"height": [6], "width": [6], "batch": [1, 1]}
    reference = record_here(cnn, Request(samples=str(tmp_path / "mine.npz"), hints=hints, seeds=[0]))
    assert [r.batch.kind for r in reference.recordings] == ["random", "extreme", "sample"]
    assert reference.recordings[-1].outputs["probs"].shape == (2, 5)


def test_keras_failing_on_a_batch_is_told(cnn: Any) -> None:
    batch = Batch("odd", "sample", {}, {"image": np.ones((1, 4, 4, 7), np.float32)})
    with pytest.raises(VerifyError, match="Keras fails on batch 'odd'"):
        record_here(cnn, Request(batches=[batch]))


# --- backends


def test_packages_kept_out_look_as_if_they_were_not_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "frobnicate.py").write_text("")
    (tmp_path / "tolerate.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", [backends.Without(f, ["frobnicate"]) for f in sys.meta_path])
    assert importlib.util.find_spec("frobnicate") is None
    with pytest.raises(ModuleNotFoundError, match="No module named 'frobnicate'"):
        importlib.import_module("frobnicate")
    assert importlib.import_module("tolerate")
    assert importlib.metadata.version("numpy")


def fake(*gpus: str) -> Backend:
    return Backend("jax", lambda: list(gpus), BACKENDS["jax"].exact, {}, ())


@pytest.mark.parametrize(
    ("gpus", "device", "expected"),
    [
        ((), "auto", ("cpu", cpu_name())),
        (("H100",), "auto", ("gpu:0", "H100")),
        (("H100",), "cpu", ("cpu", cpu_name())),
        (("H100", "T4"), "gpu", ("gpu:0", "H100")),
        (("H100", "T4"), "gpu:1", ("gpu:1", "T4")),
    ],
)
def test_devices(gpus: tuple[str, ...], device: str, expected: tuple[str, str]) -> None:
    assert resolve_device(fake(*gpus), device) == expected


@pytest.mark.parametrize(
    ("gpus", "device", "message"), [((), "gpu", "jax sees no GPU"), (("T4",), "gpu:1", "jax sees 1 GPU")]
)
def test_devices_that_are_not_there(gpus: tuple[str, ...], device: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        resolve_device(fake(*gpus), device)


def test_only_the_child_is_told_the_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    assert child_environment("jax", "auto") == {"KERAS_BACKEND": "jax", "TF_CPP_MIN_LOG_LEVEL": "3"}
    assert child_environment("torch", "cpu")["CUDA_VISIBLE_DEVICES"] == "-1"


def test_tensorflow_flags_are_set_and_restored(keras: Any) -> None:
    config = sys.modules["tensorflow"].config.experimental
    before = config.tensor_float_32_execution_enabled()
    with BACKENDS["tensorflow"].exact():
        assert config.tensor_float_32_execution_enabled() is False
    assert config.tensor_float_32_execution_enabled() == before


def test_torch_flags_are_set_and_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    matmul = SimpleNamespace(allow_tf32=False)
    cudnn = SimpleNamespace(allow_tf32=True)
    torch = SimpleNamespace(backends=SimpleNamespace(cuda=SimpleNamespace(matmul=matmul), cudnn=cudnn))
    monkeypatch.setitem(sys.modules, "torch", torch)  # type: ignore[arg-type]
    with BACKENDS["torch"].exact():
        assert (matmul.allow_tf32, cudnn.allow_tf32) == (False, False)
    assert (matmul.allow_tf32, cudnn.allow_tf32) == (False, True)


def test_driver_version_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(backends, "Path", lambda name: tmp_path / "version")
    assert backends.driver_version() == ""
    (tmp_path / "version").write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar\n")
    assert backends.driver_version() == "550.54.15"


def test_text_goes_in_and_comes_out(keras: Any) -> None:
    text = keras.Input((1,), dtype="string", name="text")
    number = keras.Input((1,), dtype="int64", name="number")
    lookups = keras.layers.StringLookup(vocabulary=["a", "é"]), keras.layers.StringLookup(vocabulary=["é"], invert=True)
    model = keras.Model([text, number], [lookups[0](text), lookups[1](number)])
    plan = plan_model(model, None)
    found = predict(model, plan, [np.array([["é"], ["?"]], object), np.array([[1], [0]])])
    assert [a.tolist() for a in found] == [[[2], [0]], [["é"], ["[UNK]"]]]
