"""The three engines: sizes that change from run to run, and what they say of files they refuse."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest

from kexport import ops
from kexport.errors import NotApplicable, VerifyError
from kexport.ir.dim import dim_max, symbol
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph
from kexport.ir.types import DType, TensorType
from kexport_tflite import runtime
from tests.onnx.nets import NETS
from tests.tflite.helper import RUNTIMES, assert_matches, export
from tests.tflite.nets import BATCH, LENGTH, encoder

HEIGHT = symbol("height")
WIDTH = symbol("width")
SIZES = {"batch": (1, 3), "height": (16, 24), "width": (24, 16), "length": (9, 12)}
"""Two sizes for every dynamic dim."""


def _inputs(graph: Graph, turn: int) -> dict[str, np.ndarray]:
    sizes = {name: pair[turn] for name, pair in SIZES.items()}
    rng = np.random.default_rng(turn)
    return {v.name: rng.normal(size=v.type.bind(sizes).shape).astype(np.float32) for v in graph.inputs}  # type: ignore[arg-type]


@pytest.mark.parametrize("engine", RUNTIMES)
@pytest.mark.parametrize("make", NETS, ids=lambda f: f.__name__)
def test_every_dynamic_dim_at_two_sizes(make: object, engine: str, tmp_path: Path) -> None:
    """One session, resized in between and back."""
    graph: Graph = make()  # type: ignore[operator]
    session = RUNTIMES[engine].load(export(graph, tmp_path / "model.tflite"))
    for turn in (0, 1, 0):
        inputs = _inputs(graph, turn)
        assert_matches(session.run(inputs), evaluate(graph, inputs, wide=True), 1e-5)


@pytest.mark.parametrize("engine", RUNTIMES)
def test_batch_and_length_of_an_encoder(engine: str, tmp_path: Path) -> None:
    graph = encoder(BATCH, LENGTH)
    session = RUNTIMES[engine].load(export(graph, tmp_path / "model.tflite"))
    for batch, length in ((1, 5), (3, 9), (3, 5)):
        inputs = {"x": np.random.default_rng(batch).normal(size=(batch, length, 16)).astype(np.float32)}
        assert_matches(session.run(inputs), evaluate(graph, inputs, wide=True), 1e-5)


@pytest.mark.parametrize("engine", RUNTIMES)
@pytest.mark.parametrize("dtype", ["f32", "f16", "bf16", "f64", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "bool"])
def test_tensors_of_every_type_go_in_and_come_out(dtype: str, engine: str, tmp_path: Path) -> None:
    graph = Graph()
    x = graph.input("x", TensorType(DType(dtype), (BATCH, 3)))
    graph.output("y", graph.add(ops.Transpose((1, 0)), x).output)
    path = export(graph, tmp_path / "model.tflite")
    inputs = {"x": (np.arange(6).reshape(2, 3) % 2).astype(DType(dtype).numpy)}
    found = RUNTIMES[engine].load(path).run(inputs)["y"]
    assert found.dtype == inputs["x"].dtype
    np.testing.assert_array_equal(found.astype(np.float64), inputs["x"].T.astype(np.float64))


@pytest.mark.parametrize("engine", RUNTIMES)
def test_a_broken_file_is_refused(engine: str, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(b"\x1c\x00\x00\x00TFL3" + bytes(64))
    with pytest.raises(VerifyError, match="refuses the model"):
        RUNTIMES[engine].load(path)


def test_compiled_model_declines_outputs_of_unknown_size(tmp_path: Path) -> None:
    """A quotient of two sizes is computed while the model runs; the Interpreter then gives the output its size."""
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (BATCH, LENGTH)))
    graph.output("y", graph.add(ops.Iota(LENGTH // BATCH, DType.I32)).output)
    graph.output("z", graph.add(ops.Relu(), x).output)
    path = export(graph, tmp_path / "model.tflite")
    inputs = {"x": np.ones((2, 5), np.float32)}
    assert_matches(RUNTIMES["litert-xnnpack"].load(path).run(inputs), evaluate(graph, inputs, wide=True))
    with pytest.raises(NotApplicable, match="gives no outputs whose size is known only while it runs"):
        RUNTIMES["litert-compiled"].load(path).run(inputs)


@pytest.mark.parametrize("engine", RUNTIMES)
def test_the_greater_of_two_sizes_is_known_beforehand(engine: str, tmp_path: Path) -> None:
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (BATCH, LENGTH)))
    graph.output("y", graph.add(ops.Iota(dim_max(BATCH, LENGTH), DType.I32)).output)
    graph.output("z", graph.add(ops.Relu(), x).output)
    path = export(graph, tmp_path / "model.tflite")
    for shape in ((2, 5), (4, 3)):
        inputs = {"x": np.ones(shape, np.float32)}
        assert_matches(RUNTIMES[engine].load(path).run(inputs), evaluate(graph, inputs, wide=True))


def test_what_reference_kernels_lack_runs_on_the_others(tmp_path: Path) -> None:
    """CEIL, ROUND and ELU have no place in the resolver of reference kernels."""
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (BATCH, 5)))
    y = graph.add(
        ops.Elu(), graph.add(ops.Add(), graph.add(ops.Ceil(), x).output, graph.add(ops.Round(), x).output).output
    )
    graph.output("y", y.output)
    path = export(graph, tmp_path / "model.tflite")
    inputs = {"x": np.array([[-2.5, -0.5, 0.5, 1.5, 2.2]], np.float32)}
    assert_matches(RUNTIMES["litert-reference"].load(path).run(inputs), evaluate(graph, inputs, wide=True))


@pytest.mark.parametrize("engine", RUNTIMES)
def test_outputs_come_in_the_order_of_the_contract(engine: str, tmp_path: Path) -> None:
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (BATCH, 2)))
    for name, op in (("zeta", ops.Exp()), ("alpha", ops.Abs()), ("mid", ops.Neg())):
        graph.output(name, graph.add(op, x).output)
    session = RUNTIMES[engine].load(export(graph, tmp_path / "model.tflite"))
    assert list(session.run({"x": np.ones((1, 2), np.float32)})) == ["zeta", "alpha", "mid"]


def test_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {r.version() for r in RUNTIMES.values()} == {runtime.version("ai-edge-litert")}

    def gone(package: str) -> str:
        raise PackageNotFoundError(package)

    monkeypatch.setattr(runtime, "version", gone)
    assert [r.version() for r in RUNTIMES.values()] == [None] * 3


def test_emission_and_reading_load_no_engine(tmp_path: Path) -> None:
    """The heavy part of LiteRT, and TensorFlow, stay out of a process that only writes."""
    import os
    import subprocess

    code = (
        "import sys; from pathlib import Path\n"
        "from tests.tflite.helper import export; from tests.tflite.nets import *\n"
        "export(conv_net(BATCH), Path(sys.argv[1]))\n"
        "bad = [m for m in sys.modules if m.split('.')[0] in ('tensorflow', 'keras') or m.endswith('.interpreter')]\n"
        "print(bad)"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([".", "targets"])}
    command = [sys.executable, "-c", code, str(tmp_path / "m.tflite")]
    done = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
