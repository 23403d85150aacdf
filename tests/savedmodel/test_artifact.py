"""What a SavedModel of ours holds, that TensorFlow reads it as meant, and that damage is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kexport_savedmodel.writer
from kexport import ops
from kexport.errors import EmitError, VerifyError
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph
from kexport.ir.types import DType, TensorType
from kexport.lowered import contract_of
from kexport_savedmodel import TARGET
from kexport_shared.graphdef.wire import Message, fields
from tests.savedmodel.helper import export, run
from tests.tfjs.nets import BATCH, image_net, integers, twice

MODEL = "saved_model.pb"
NOTES = "assets.extra/kexport.json"


def test_a_net_computes_the_same_through_its_signature(tmp_path: Path) -> None:
    graph = image_net()
    inputs = {"image": np.random.default_rng(0).standard_normal((2, 12, 12, 3)).astype(np.float32)}
    found = run(export(graph, tmp_path / "m"), inputs)
    for name, want in evaluate(graph, inputs, wide=True).items():
        np.testing.assert_allclose(found[name], want, atol=2e-6)


@pytest.mark.parametrize(
    ("names", "reason"), [(["class", "x"], "'class', a word of Python"), (["a:0", "x", "a_0"], "'a:0' and 'a_0' apart")]
)
def test_names_that_tensorflow_cannot_load(names: list[str], reason: str, tmp_path: Path) -> None:
    graph = Graph()
    inputs = [graph.input(name, TensorType(DType.F32, (2,))) for name in names]
    graph.output("y", graph.add(ops.Add(), *inputs[:2]).output)
    with pytest.raises(EmitError, match=reason):
        export(graph, tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_tensorflow_sees_the_names_and_types(tmp_path: Path) -> None:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(export(image_net(), tmp_path / "m")))
    signature = loaded.signatures["serving_default"]
    (image,) = (s for s in signature.inputs if s.name.startswith("image"))
    assert image.shape.as_list() == [None, 12, 12, 3]
    assert {n: t.shape.as_list() for n, t in signature.structured_outputs.items()} == {
        "class": [None, 5],
        "features": [None, 16],
    }


def test_same_graph_same_bytes(tmp_path: Path) -> None:
    first, second = (export(image_net(), tmp_path / name) for name in "ab")
    assert (first / MODEL).read_bytes() == (second / MODEL).read_bytes()
    assert (first / NOTES).read_bytes() == (second / NOTES).read_bytes()


@pytest.mark.parametrize("dtype", [DType.I64, DType.U8, DType.I16, DType.U32])
def test_integers_keep_their_type_and_wrap(dtype: DType, tmp_path: Path) -> None:
    path = export(integers(dtype), tmp_path / "m")
    assert TARGET.read_contract(path) == contract_of(integers(dtype))
    ids = np.array([[0, 5, 2]], dtype.numpy)
    found = run(path, {"ids": ids})
    assert found["next"].dtype == dtype.numpy
    np.testing.assert_array_equal(found["next"], ids + 1)
    np.testing.assert_array_equal(found["rows"][0, 1], [10, 11])


def test_half_precision_stays(tmp_path: Path) -> None:
    g = Graph("half")
    x = g.input("x", TensorType(DType.F16, (BATCH, 2)))
    g.output("y", g.add(ops.Exp(), x).output)
    x16 = np.array([[0.5, 1.0]], np.float16)
    found = run(export(g, tmp_path / "m"), {"x": x16})["y"]
    assert found.dtype == np.float16
    np.testing.assert_allclose(found, np.exp(x16), rtol=2e-3)


def test_no_two_outputs_are_one_tensor(tmp_path: Path) -> None:
    x = np.array([[1, 2, 3]], np.float32)
    found = run(export(twice("0"), tmp_path / "m"), {"x": x})
    assert found.keys() == {"y", "0", "same"}
    np.testing.assert_array_equal(found["0"], -x)
    np.testing.assert_array_equal(found["same"], x)


def test_two_gibibytes_are_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kexport_savedmodel.writer, "MAX_BYTES", 1000)
    with pytest.raises(EmitError, match="a SavedModel with its weights in the graph has fewer than 2 GiB"):
        export(image_net(), tmp_path / "m")


def _notes(path: Path, change: Callable[[Any], object]) -> None:
    loaded = json.loads((path / NOTES).read_text())
    change(loaded["contract"])
    (path / NOTES).write_text(json.dumps(loaded))


def _bytes(path: Path, old: bytes, new: bytes) -> None:
    data = (path / MODEL).read_bytes()
    assert old in data
    (path / MODEL).write_bytes(data.replace(old, new))


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "cut": (lambda p: (p / MODEL).write_bytes((p / MODEL).read_bytes()[:-100]), "cut off"),
    "text": (lambda p: (p / MODEL).write_text("hello, world"), "."),
    "empty": (lambda p: (p / MODEL).write_bytes(b""), "this is no SavedModel"),
    "lost": (lambda p: (p / MODEL).unlink(), "this is no SavedModel"),
    "operand": (lambda p: _bytes(p, b"\x1a\x05relu6", b"\x1a\x05r3lu6"), "reads r3lu6, which is not made before it"),
    "signature": (lambda p: _bytes(p, b"serving_default", b"serving_defaulx"), "there is no signature serving_default"),
    "notes": (lambda p: (p / NOTES).unlink(), "kexport.json is missing or damaged"),
    "names": (lambda p: _notes(p, lambda c: c["outputs"].pop()), "name different tensors"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_found(kind: str, tmp_path: Path) -> None:
    path = export(image_net(), tmp_path / "m")
    damage, message = DAMAGE[kind]
    damage(path)
    with pytest.raises(EmitError, match=message):
        TARGET.validate(path)


def test_tensorflow_refuses_what_it_cannot_read(tmp_path: Path) -> None:
    path = export(image_net(), tmp_path / "m")
    _bytes(path, b"\x1a\x05relu6", b"\x1a\x05r3lu6")
    with pytest.raises(VerifyError, match="TensorFlow refuses the model"):
        TARGET.runtimes()[0].load(path)


@pytest.mark.parametrize("value", [0, 1, 127, 128, 1 << 40, -1, -(1 << 63)])
def test_integers_survive_the_wire(value: int, tmp_path: Path) -> None:
    with (tmp_path / "m").open("wb") as file:
        Message().int(7, value).bytes(2, "x").write(file)
    first, second = fields(memoryview((tmp_path / "m").read_bytes()))
    assert (first.number, first.value) == (7, value)
    assert (second.number, second.text) == (2, "x")
