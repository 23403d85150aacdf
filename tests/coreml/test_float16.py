"""What is computed in float16, and what stays in float32 by itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import kexport_shared.mil
from kexport import ops
from kexport.ir.dim import symbol
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph, Value
from kexport.ir.types import DType, TensorType
from kexport_coreml.dtypes import CODES
from kexport_coreml.float16 import keep_float32, overflowing_layers
from kexport_coreml.reader import read_model
from tests.coreml.helper import export, kinds, operations, run
from tests.onnx.nets import plain


def scores(sentinel: float, *, by_select: bool = False) -> Graph:
    """Attention scores with a mask, as Keras makes them."""
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (2, 4, 4)))
    mask = graph.input("mask", TensorType(DType.BOOL, (2, 1, 4)))
    y = graph.add(ops.Mul(), x, graph.constant(np.float32(0.5)), origin="att/scale").output
    if by_select:
        y = graph.add(ops.Select(), mask, y, graph.constant(np.float32(sentinel)), origin="att/mask").output
    else:
        off = graph.add(ops.Cast(DType.F32), graph.add(ops.LogicalNot(), mask).output, origin="att/cast").output
        off = graph.add(ops.Mul(), off, graph.constant(np.float32(sentinel)), origin="att/mask").output
        y = graph.add(ops.Add(), y, off, origin="att/add").output
    y = graph.add(ops.Softmax(), y, origin="att/softmax").output
    graph.output("y", graph.add(ops.MatMul(), y, x, origin="att/values").output)
    return graph


def kept(graph: Graph) -> list[str]:
    return [n.origin for n in keep_float32(graph)]


def chain(*steps: ops.Op | tuple[ops.Op, float]) -> Graph:
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (2, 8)))
    for step in steps:
        op, *others = step if isinstance(step, tuple) else (step,)
        x = graph.add(op, x, *(graph.constant(np.float32(o)) for o in others), origin=op.name).output
    graph.output("y", x)
    return graph


@pytest.mark.parametrize("by_select", [False, True])
def test_a_mask_sentinel_stays_in_float32_up_to_softmax(by_select: bool, tmp_path: Path) -> None:
    graph = scores(-1e9, by_select=by_select)
    wanted = ["att/mask", "att/softmax"] if by_select else ["att/mask", "att/add", "att/softmax"]
    assert kept(graph) == wanted
    path = export(graph, tmp_path / "m.mlpackage", precision="float16")
    assert read_model(path).description.metadata.userDefined["kexport.float32"] == str(wanted).replace("'", '"')
    rng = np.random.default_rng(0)
    inputs = {"x": rng.standard_normal((2, 4, 4)).astype(np.float32), "mask": np.zeros((2, 1, 4), bool)}
    inputs["mask"][0, 0, 1] = True  # the other row is masked throughout
    want = evaluate(graph, inputs)["y"]  # in float64 a score plus -1e9 would still tell the score
    np.testing.assert_allclose(run(path, inputs, "float16")["y"], want, rtol=0, atol=4e-3)
    program = kexport_shared.mil.load(path)
    program.run({"x": inputs["x"], "mask": inputs["mask"].astype(np.int32)}, mode="float16")
    assert program.overflows == []


def test_a_sentinel_that_fits_costs_nothing() -> None:
    assert kept(scores(-1e4)) == []


def test_an_epsilon_that_vanishes() -> None:
    steps = chain((ops.Add(), 1e-12), ops.Sqrt(), ops.Reciprocal(), (ops.Mul(), 3.0), ops.Relu())
    assert kept(steps) == ["add", "sqrt", "reciprocal", "mul"]
    assert kept(chain((ops.Add(), 1e-3), ops.Sqrt())) == []


def test_squares_that_are_summed_up() -> None:
    assert kept(chain(ops.Square(), ops.ReduceMean((1,)), ops.Sqrt(), ops.Relu())) == ["square", "reduce_mean", "sqrt"]
    assert kept(chain(ops.Square(), ops.Relu())) == []


def test_sums_of_integers_up_to_their_scale(tmp_path: Path) -> None:
    """A layer that Keras quantized: bytes times bytes, summed up in int32, scaled back."""
    graph = Graph()
    x = graph.input("x", TensorType(DType.I8, (1, 64)))
    w = graph.constant(np.full((64, 2), 127, np.int8))
    a, b = (graph.add(ops.Cast(DType.I32), v, origin="dense/wide").output for v in (x, w))
    y = graph.add(ops.MatMul(), a, b, origin="dense/sum").output
    y = graph.add(ops.Cast(DType.F32), y, origin="dense/cast").output
    factor = graph.input("factor", TensorType(DType.F32, (1,)))
    factor = graph.add(ops.Mul(), factor, graph.constant(np.float32([1e3, 2e3])), origin="dense/factor").output
    y = graph.add(ops.Div(), y, factor, origin="dense/scale").output
    graph.output("y", graph.add(ops.Relu(), y, origin="relu").output)
    assert kept(graph) == ["dense/cast", "dense/factor", "dense/scale"]
    path = export(graph, tmp_path / "m.mlpackage", precision="float16")
    inputs = {"x": np.full((1, 64), 127, np.int8), "factor": np.float32([127])}
    np.testing.assert_allclose(run(path, inputs, "float16")["y"], evaluate(graph, inputs)["y"], rtol=1e-3)


def test_bounds_bring_numbers_back() -> None:
    assert kept(chain((ops.Mul(), 1e6), ops.Clip(0.0, 1.0), ops.Relu())) == ["mul", "clip"]
    assert kept(chain((ops.Mul(), 1e6), ops.Clip(0.0, 1e6), ops.Neg())) == ["mul", "clip", "neg"]
    assert kept(chain((ops.Div(), 1e6), ops.Neg())) == ["div"]


def test_positions_beyond_the_exact_integers() -> None:
    for length, wanted in ((2000, []), (3000, ["positions", "add"])):
        graph = Graph()
        x = graph.input("x", TensorType(DType.F32, (length,)))
        steps = graph.add(ops.Iota(length, DType.F32), origin="positions").output
        graph.output("y", graph.add(ops.Add(), x, steps, origin="add").output)
        assert kept(graph) == wanted


def test_peaks_on_reference_data() -> None:
    graph = chain(ops.Neg(), ops.Exp(), ops.Tanh(), ops.Relu())
    (exp,) = (n for n in graph.nodes if n.origin == "exp")
    assert overflowing_layers(graph, {exp.output: 1e5}, ()) == ["exp", "tanh"]
    assert overflowing_layers(graph, {exp.output: 4e4}, ()) == ["exp", "tanh"]
    assert overflowing_layers(graph, {exp.output: 3e4}, ()) == []
    assert overflowing_layers(graph, {exp.output: 1e5}, {exp}) == ["tanh"]
    assert [n.origin for n in keep_float32(graph, layers=["exp", "tanh"])] == ["exp", "tanh"]


def test_infinities_fit() -> None:
    graph = Graph()
    x: Value = graph.input("x", TensorType(DType.F32, (symbol("n"), 4)))
    graph.output("y", graph.add(ops.Maximum(), x, graph.constant(np.float32(-np.inf))).output)
    assert keep_float32(graph) == []


def test_everything_else_is_float16(tmp_path: Path) -> None:
    path = export(plain(), tmp_path / "m.mlpackage", precision="float16")
    floats = [o for o in operations(path) if o.type != "cast"]
    types = {v.type.tensorType.dataType for o in floats for v in o.outputs}
    assert CODES[DType.F32] not in types
    assert kinds(path)["cast"] == 2
    single = export(plain(), tmp_path / "s.mlpackage")
    sizes = [(p / "Data/com.apple.CoreML/weights/weight.bin").stat().st_size for p in (path, single)]
    assert 0.4 < sizes[0] / sizes[1] < 0.7
