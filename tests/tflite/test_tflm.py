"""TFLite Micro as a runtime: what it computes, what it declines and why, and which files it runs unasked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kexport import ops
from kexport.engines.runner import run_artifact
from kexport.errors import ConfigError, NotApplicable
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph
from kexport.ir.types import DType, TensorType
from kexport.proof.artifact import _chosen
from kexport_tflite import TARGET
from kexport_tflite.micro import runtime
from kexport_tflite.micro.outline import Outline
from kexport_tflite.micro.resolver import ADDS
from kexport_tflite.micro.runtime import Tflm
from kexport_tflite.runtime import shapes_for
from kexport_tflite.writer import schema
from tests.onnx.nets import NETS
from tests.tflite.helper import assert_matches, export
from tests.tflite.integers import dense
from tests.tflite.nets import BATCH

pytest.importorskip("tflite_micro", reason="the extra mcu is not installed")

LACKING = {"any_size": "Non-constant >size<", "line": "no GELU", "volume": "no CONV_3D"}
"""What it cannot run, and what it says of it."""
RUNNING = [f for f in NETS if f.__name__ not in LACKING]


@pytest.mark.parametrize("make", RUNNING, ids=lambda f: f.__name__)
def test_floats_at_every_batch_size(make: object, tmp_path: Path) -> None:
    graph: Graph = make()  # type: ignore[operator]
    session = Tflm().load(export(graph, tmp_path / "model.tflite"))
    for batch in (1, 3, 1):
        sizes = {"batch": batch, "height": 16, "width": 24, "length": 9}
        rng = np.random.default_rng(batch)
        types = {v.name: v.type.bind(sizes) for v in graph.inputs}
        inputs = {name: rng.normal(size=t.shape).astype(np.float32) for name, t in types.items()}  # type: ignore[arg-type]
        assert_matches(session.run(inputs), evaluate(graph, inputs, wide=True), 1e-5)
    assert "written into the file" in session.note


@pytest.mark.parametrize("make", [f for f in NETS if f.__name__ in LACKING], ids=lambda f: f.__name__)
def test_what_it_lacks_is_said(make: object, tmp_path: Path) -> None:
    graph: Graph = make()  # type: ignore[operator]
    path = export(graph, tmp_path / "model.tflite")
    sizes = {"batch": 3, "height": 16, "width": 24, "length": 9}
    inputs = {v.name: np.zeros(v.type.bind(sizes).shape, np.float32) for v in graph.inputs}  # type: ignore[arg-type]
    with pytest.raises(NotApplicable, match=LACKING[make.__name__]):  # type: ignore[attr-defined]
        Tflm().load(path).run(inputs)


@pytest.mark.parametrize(("declared", "batch"), [(1, 1), (-1, 1), (-1, 2), (-1, 5)])
def test_integers_as_litert_computes_them(declared: int, batch: int, tmp_path: Path) -> None:
    path = dense(tmp_path / "model.tflite", batch=declared)
    x = np.random.default_rng(batch).integers(-128, 128, (batch, 8)).astype(np.int8)
    ours = Tflm().load(path).run({"x": x})
    theirs = TARGET.runtimes()[1].load(path).run({"x": x})
    assert ours["y"].dtype == np.int8
    assert ours["y"].shape == (batch, 4)
    assert np.abs(ours["y"].astype(int) - theirs["y"].astype(int)).max() <= 1


def test_inner_values_come_as_real_numbers(tmp_path: Path) -> None:
    path = dense(tmp_path / "model.tflite")
    x = np.arange(-4, 4, dtype=np.int8).reshape(1, 8)
    ours = Tflm().tap(path, ["dense", "y", "absent"]).run({"x": x})
    theirs = TARGET.runtimes()[1].tap(path, ["dense", "y", "absent"]).run({"x": x})
    assert ours.keys() == theirs.keys() == {"dense", "y"}
    np.testing.assert_allclose(ours["dense"], theirs["dense"], atol=0.25)
    np.testing.assert_allclose(ours["y"], theirs["y"], atol=1 / 256)


def test_it_runs_in_a_process_of_its_own(tmp_path: Path) -> None:
    path = dense(tmp_path / "model.tflite")
    x = np.zeros((1, 8), np.int8)
    result = run_artifact(path, "tflite", Tflm(), [{"x": x}])
    assert result.status == "ok", result.message
    graph = Graph()
    v = graph.input("x", TensorType(DType.F32, (1, 3)))
    graph.output("y", graph.add(ops.Erf(), v).output)
    other = export(graph, tmp_path / "other.tflite")
    declined = [n for n in Outline.read(other).operators if n not in ADDS]
    result = run_artifact(other, "tflite", Tflm(), [{"x": np.zeros((1, 3), np.float32)}])
    assert (result.status == "not applicable") == bool(declined)


def test_it_volunteers_for_integers_that_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = dense(tmp_path / "int8.tflite")
    graph = NETS[0]()
    floats = export(graph, tmp_path / "floats.tflite")
    assert Tflm().volunteers(whole)
    assert Tflm().volunteers(dense(tmp_path / "open.tflite", batch=-1))
    assert not Tflm().volunteers(floats)
    (tmp_path / "floats.cc").write_text("")
    assert Tflm().volunteers(floats), "its sources are for a microcontroller"
    (tmp_path / "damaged.tflite").write_bytes(whole.read_bytes()[:40])
    assert not Tflm().volunteers(tmp_path / "damaged.tflite")
    assert not Tflm().volunteers(tmp_path / "absent.tflite")
    monkeypatch.setattr(runtime, "LARGEST", 100)
    assert not Tflm().volunteers(whole)
    monkeypatch.setattr(runtime, "LARGEST", 1 << 20)
    monkeypatch.setattr(runtime, "installed", lambda: None)
    assert not Tflm().volunteers(whole)


def test_no_damage_reaches_who_asks_whether_it_volunteers(tmp_path: Path) -> None:
    whole = dense(tmp_path / "whole.tflite").read_bytes()
    rng = np.random.default_rng(0)
    path = tmp_path / "damaged.tflite"
    answers = set()
    for _ in range(800):
        content = bytearray(whole[: rng.integers(len(whole)) if rng.random() < 0.1 else None])
        for place in rng.integers(max(1, len(content)), size=rng.choice([1, 2, 8])):
            content[place : place + 1] = bytes([rng.choice([0, 1, 127, 128, 255])])
        path.write_bytes(content)
        answers.add(Tflm().volunteers(path))
    assert answers == {False, True}


def test_who_asks_for_it_gets_it(tmp_path: Path) -> None:
    floats = export(NETS[0](), tmp_path / "floats.tflite")
    whole = dense(tmp_path / "int8.tflite")
    assert "tflm" not in [r.name for r in _chosen(floats, TARGET, None, False)]
    assert "tflm" not in [r.name for r in _chosen(floats, TARGET, None, True)]
    assert "tflm" in [r.name for r in _chosen(whole, TARGET, None, False)]
    assert [r.name for r in _chosen(floats, TARGET, ["tflm"], False)] == ["tflm"]
    with pytest.raises(ConfigError, match="no runtime 'tflmm'"):
        _chosen(floats, TARGET, ["tflmm"], False)


def test_the_way_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime.sys, "platform", "linux")
    monkeypatch.setattr(runtime.platform, "machine", lambda: "x86_64")
    assert Tflm().how_to_install == "pip install 'kexport[mcu]'"
    monkeypatch.setattr(runtime.platform, "machine", lambda: "aarch64")
    assert "Linux on x86-64" in Tflm().how_to_install
    assert Tflm.package == "", "a board that lacks an engine is not sent to a package that it cannot install"


def test_every_operator_is_one_of_the_schema() -> None:
    assert set(ADDS) <= set(vars(schema().BuiltinOperator))
    assert len(set(ADDS.values())) == len(ADDS)
    assert all(name.lower().replace("_", "") == add[3:].lower() for name, add in ADDS.items())


def test_numbers_without_dimensions_go_in(tmp_path: Path) -> None:
    graph = Graph()
    x, y = (graph.input(name, TensorType(DType.F32, ())) for name in "xy")
    graph.output("z", graph.add(ops.Add(), x, y).output)
    path = export(graph, tmp_path / "model.tflite")
    found = Tflm().load(path).run({"x": np.float32(1), "y": np.float32(2)})
    assert found["z"].shape == ()
    assert found["z"] == 3


def test_shapes_follow_the_inputs(tmp_path: Path) -> None:
    path = dense(tmp_path / "model.tflite", batch=-1)
    shapes = shapes_for(path, [np.zeros((7, 8), np.int8)])
    assert [shapes[i] for i in (0, 1, 2, 3, 4)] == [(7, 8), (4, 8), (4,), (7, 4), (7, 4)]


def test_a_float16_model_is_declined_in_words(tmp_path: Path) -> None:
    graph = Graph()
    x = graph.input("x", TensorType(DType.F16, (BATCH, 3)))
    graph.output("y", graph.add(ops.Relu(), x).output)
    path = export(graph, tmp_path / "model.tflite")
    with pytest.raises(NotApplicable, match="TFLite Micro"):
        Tflm().load(path).run({"x": np.ones((1, 3), np.float16)})
