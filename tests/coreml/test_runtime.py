"""The runtimes: what they answer here, and what the sessions hand over."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import kexport
from kexport import ops
from kexport.errors import VerifyError
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph
from kexport.ir.types import DType, TensorType
from kexport_coreml import TARGET
from kexport_coreml.border import Border
from kexport_coreml.reader import read_contract, read_model
from kexport_coreml.runtime import CoremlRuntime, CoremlSession, EvaluatorSession, MilEvaluator
from tests.coreml.helper import export
from tests.onnx.nets import plain


def images(batch: int) -> dict[str, np.ndarray]:
    return {"image": np.random.default_rng(1).standard_normal((batch, 16, 16, 3)).astype(np.float32)}


def test_the_evaluator_simulates(tmp_path: Path) -> None:
    runtime = MilEvaluator()
    assert (runtime.simulated, runtime.version()) == (True, kexport.__version__)
    session = runtime.load(export(plain(), tmp_path / "net.mlpackage"))
    inputs = images(2)
    want = evaluate(plain(), inputs, wide=True)["out0"]
    np.testing.assert_allclose(session.run(inputs)["out0"], want, rtol=0, atol=5e-6 * np.abs(want).max())


def test_a_float16_artifact_is_rounded_and_overflows_are_told(tmp_path: Path) -> None:
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (2,)))
    graph.output("y", graph.add(ops.Mul(), x, graph.constant(np.float32(300)), origin="net/scale").output)
    session = MilEvaluator().load(export(graph, tmp_path / "m.mlpackage", precision="float16"))
    assert isinstance(session, EvaluatorSession)
    assert session.run({"x": np.float32([1 / 3, 1e3])})["y"].tolist() == [float(np.float16(100)), np.inf]
    assert [(o.type, o.count) for o in session.overflows] == [("mul", 1)]


@pytest.mark.skipif(sys.platform == "darwin", reason="Core ML is there on a Mac")
def test_core_ml_is_missing_elsewhere(tmp_path: Path) -> None:
    runtime = CoremlRuntime()
    assert runtime.version() is None
    assert not runtime.simulated
    with pytest.raises(VerifyError, match="Core ML runs on macOS only"):
        runtime.load(tmp_path)
    assert [r.name for r in TARGET.runtimes()] == ["coreml", "mil-evaluator"]


class Model:
    """Stands for coremltools' MLModel."""

    def __init__(self) -> None:
        self.given: dict[str, object] = {}

    def predict(self, inputs: dict[str, object]) -> dict[str, object]:
        self.given = inputs
        return {"y_0": np.float32([3]), "other": "text"}


def test_what_core_ml_gets_and_gives(tmp_path: Path) -> None:
    graph = Graph()
    x = graph.input("x:0", TensorType(DType.BOOL, (2,)))
    picture = graph.input("photo", TensorType(DType.F32, (1, 2, 2, 3)))
    graph.output("y/0", graph.add(ops.ReduceSum((0,)), graph.add(ops.Cast(DType.F64), x).output).output)
    graph.output("z", graph.add(ops.ReduceMean((1, 2)), picture).output)
    path = export(graph, tmp_path / "m.mlpackage", images="photo=bgr", scale="0.5", bias="-1")
    contract = read_contract(path)
    model = Model()
    session = CoremlSession(model, Border(read_model(path), type(contract)(contract.inputs, contract.outputs[:1])))
    found = session.run({"x:0": np.array([True, False]), "photo": np.full((1, 2, 2, 3), 9, np.float32)})
    assert found["y/0"].dtype == np.float64
    assert found["y/0"].shape == ()
    given = model.given["x_0"]
    assert isinstance(given, np.ndarray)
    assert (given.dtype, given.tolist()) == (np.int32, [1, 0])
    assert getattr(model.given["photo"], "getpixel")((0, 0)) == (20, 20, 20)  # noqa: B009


def test_inputs_that_core_ml_cannot_take(tmp_path: Path) -> None:
    graph = Graph()
    x = graph.input("ids", TensorType(DType.I64, (1,)))
    graph.output("y", graph.add(ops.Neg(), x).output)
    session = MilEvaluator().load(export(graph, tmp_path / "m.mlpackage"))
    with pytest.raises(VerifyError, match="the input 'ids' is missing"):
        session.run({})
    with pytest.raises(VerifyError, match="the input 'ids' does not fit into int32"):
        session.run({"ids": np.int64([1 << 40])})
