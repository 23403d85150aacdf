"""Branches and loops: what their bodies read, own and give, beyond what the cases of the ops show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto

from kexport import ops
from kexport.errors import EmitError, UnsupportedError
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph
from kexport.ir.op import Array
from kexport.ir.parser import parse_graph
from kexport.ir.types import DType, TensorType
from kexport.lowered import contract_of
from kexport_onnx import TARGET
from kexport_onnx.options import OnnxOptions
from tests.onnx.helper import all_nodes, bodies, export, kinds, run
from tests.ops.case import BATCH, LENGTH


def body(parameters: str, lines: str, results: str, **constants: Array) -> Graph:
    return parse_graph(f'graph "body" ({parameters}) {{\n{lines}\nreturn {results}\n}}', constants)


def check(graph: Graph, path: Path, inputs: dict[str, Any], **options: Any) -> ModelProto:
    """Export, compare with the evaluator, require names that are unique in the whole model."""
    expected = evaluate(graph, inputs, wide=True)
    found = run(export(graph, path, **options), inputs)
    for name, want in expected.items():
        assert found[name].shape == want.shape
        np.testing.assert_allclose(found[name], want, rtol=0, atol=1e-5 * max(1.0, float(np.abs(want).max())))
    model = onnx.load(path)
    nodes = list(all_nodes(model.graph))
    made = [o for n in nodes for o in n.output if o] + [i.name for n in nodes for b in bodies(n) for i in b.input]
    made += [i.name for i in model.graph.input] + [t.name for t in model.graph.initializer]
    assert len(set(made)) == len(made)
    assert len({n.name for n in nodes}) == len(nodes)
    assert not any(b.initializer for n in nodes for b in bodies(n))
    return model


def the(kind: str, model: ModelProto) -> Any:
    return next(n for n in all_nodes(model.graph) if n.op_type == kind)


def floats(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("flag", [False, True])
def test_a_branch_reads_what_became_an_output(flag: bool, tmp_path: Path) -> None:
    """The public name of an output reaches into bodies; results that are inputs, constants or the same one twice."""
    inner = "%z = neg(%x)", '"a": %z, "b": %z, "c": %x, "d": %k'
    then = body("%x: f32[batch,2]", f"%k: f32[] = const 3.0\n{inner[0]}", inner[1])
    orelse = body("%x: f32[batch,2]", f"%k: f32[] = const 4.0\n{inner[0]}", inner[1])
    graph = Graph()
    condition = graph.input("condition", TensorType(DType.BOOL, ()))
    y = graph.add(ops.Exp(), graph.input("x", TensorType(DType.F32, (BATCH, 2))), origin="net/exp").output
    graph.output("y", y)
    for i, value in enumerate(graph.add(ops.If(then, orelse), condition, y, origin="net/if").outputs):
        graph.output(f"z{i}", value)
    check(graph, tmp_path / "m.onnx", {"condition": np.array(flag), "x": floats(3, 2)})


def test_what_a_loop_only_reads_is_no_state_of_it(tmp_path: Path) -> None:
    """A while with a weight inside, and an input that it returns as it is."""
    state = "%i: i32[], %n: i32[], %x: f32[batch,2], %w: f32[2,2]"
    cond = body(state, "%more = less(%i, %n)", '"more": %more')
    lines = "%one: i32[] = const 1\n%next = add(%i, %one)\n%y = dense(%x, %w)\n%z = tanh(%y)"
    loop = ops.While(cond, body(state, lines, '"i": %next, "n": %n, "x": %z, "w": %w'))
    graph = Graph()
    operands = [graph.input(v.name, v.type) for v in loop.body.inputs]
    for i, value in enumerate(graph.add(loop, *operands, origin="net/while").outputs):
        graph.output(f"y{i}", value)
    inputs = {"i": np.int32(0), "n": np.int32(5), "x": floats(3, 2), "w": floats(2, 2, seed=1)}
    model = check(graph, tmp_path / "m.onnx", {k: np.asarray(v) for k, v in inputs.items()})
    assert len(the("Loop", model).input) == 2 + 2
    check(graph, tmp_path / "m.onnx", {k: np.asarray(v) for k, v in inputs.items()} | {"n": np.array(0, np.int32)})


def test_a_loop_that_changes_nothing(tmp_path: Path) -> None:
    cond = body("%go: bool[], %x: f32[2]", "", '"go": %go')
    loop = ops.While(cond, body("%go: bool[], %x: f32[2]", "", '"go": %go, "x": %x'))
    graph = Graph()
    operands = [graph.input(v.name, v.type) for v in loop.body.inputs]
    for i, value in enumerate(graph.add(loop, *operands).outputs):
        graph.output(f"y{i}", value)
    check(graph, tmp_path / "m.onnx", {"go": np.array(False), "x": floats(2)})
    assert kinds(tmp_path / "m.onnx") == {"Identity": 2}


@pytest.mark.parametrize("sizes", [(2, 5), (4, 1)])
def test_sizes_inside_a_body(sizes: tuple[int, int], tmp_path: Path) -> None:
    """Of axes that the body itself does not see, and computed once, outside."""
    lines = """%ones = full() {shape=[batch, length, 2], value=1.0, dtype=f32}
%flat = reshape(%ones) {shape=[batch*length, 2]}
%sum = reduce_sum(%flat) {axes=[0], keepdims=false}
%y = add(%s, %x)
%z = add(%y, %sum)"""
    step = body("%s: f32[batch,2], %x: f32[batch,2]", lines, '"s": %z, "y": %z')
    graph = Graph()
    s = graph.input("s", TensorType(DType.F32, (BATCH, 2)))
    x = graph.input("x", TensorType(DType.F32, (BATCH, LENGTH, 2)))
    for i, value in enumerate(graph.add(ops.Scan(step, 1, 1, axis=1), s, x, origin="net/scan").outputs):
        graph.output(f"y{i}", value)
    model = check(graph, tmp_path / "m.onnx", {"s": floats(sizes[0], 2), "x": floats(*sizes, 2)})
    assert all(n.op_type != "Shape" for n in all_nodes(bodies(the("Scan", model))[0]))


def test_weights_of_bodies_are_stored_once_and_outside(tmp_path: Path) -> None:
    w = floats(16, 16)
    lines = "%y = dense(%s, %w)\n%z = add(%y, %x)"
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (LENGTH, 2, 16)))
    weight = graph.constant(w, "kernel")
    outside = graph.add(ops.Dense(), graph.add(ops.Reshape((LENGTH * 2, 16)), x).output, weight).output
    step = body("%s: f32[2,16], %x: f32[2,16], %w: f32[16,16]", lines, '"s": %z')
    zeros = graph.constant(np.zeros((2, 16), np.float32))
    last = graph.add(ops.Scan(step, 1, 1), zeros, x, weight, origin="net/scan").output
    own = Graph("own")
    old = own.input("s", zeros.type)
    new = own.input("x", zeros.type)
    product = own.add(ops.Dense(), old, own.constant(w, "kernel")).output
    own.output("s", own.add(ops.Sub(), new, product).output)
    graph.output("a", outside)
    graph.output("b", graph.add(ops.Scan(own, 1, 1), last, x, origin="net/again").output)
    model = check(graph, tmp_path / "m.onnx", {"x": floats(4, 2, 16)}, external_data=True)
    assert [list(t.dims) for t in model.graph.initializer if t.dims == [16, 16]] == [[16, 16]]
    assert (tmp_path / "m.data").stat().st_size == w.nbytes


def test_a_loop_in_a_loop_reads_what_is_around_both(tmp_path: Path) -> None:
    inner = body("%s: f32[2], %x: f32[2], %k: f32[2]", "%y = mul(%x, %k)\n%z = add(%s, %y)", '"s": %z, "y": %z')
    outer = Graph("outer")
    s, x, k = (outer.input(n, TensorType(DType.F32, t)) for n, t in (("s", (2,)), ("x", (LENGTH, 2)), ("k", (2,))))
    last, all_ = outer.add(ops.Scan(inner, 1, 1), s, x, k, origin="net/inner").outputs
    outer.output("s", last)
    outer.output("all", all_)
    graph = Graph()
    operands = [("s", (2,)), ("x", (BATCH, LENGTH, 2)), ("k", (2,))]
    values = [graph.input(n, TensorType(DType.F32, t)) for n, t in operands]
    for i, value in enumerate(graph.add(ops.Scan(outer, 1, 1), *values, origin="net/outer").outputs):
        graph.output(f"y{i}", value)
    model = check(graph, tmp_path / "m.onnx", {"s": floats(2), "x": floats(3, 4, 2), "k": floats(2, seed=3)})
    assert len(the("Scan", model).input) == 2


def test_a_convolution_in_a_loop(tmp_path: Path) -> None:
    """What the loop holds is channels first; its operands and results are as they were."""
    step = Graph("step")
    parts = [step.input(n, TensorType(DType.F32, (BATCH, 5, 5, 2))) for n in ("s", "x")]
    kernels = [step.constant(floats(3, 3, 2, 2, seed=k), "k") for k in (0, 1)]
    same = ops.Conv((1, 1), "same", (1, 1))
    convs = [step.add(same, v, k, origin="net/conv").output for v, k in zip(parts, kernels, strict=True)]
    new = step.add(ops.Tanh(), step.add(ops.Add(), *convs).output).output
    step.output("s", new)
    step.output("y", new)
    graph = Graph()
    first = graph.input("s", TensorType(DType.F32, (BATCH, 5, 5, 2)))
    images = graph.input("x", TensorType(DType.F32, (BATCH, LENGTH, 5, 5, 2)))
    for i, value in enumerate(graph.add(ops.Scan(step, 1, 1, axis=1), first, images, origin="net/scan").outputs):
        graph.output(f"y{i}", value)
    model = check(graph, tmp_path / "m.onnx", {"s": floats(2, 5, 5, 2), "x": floats(2, 3, 5, 5, 2)}, optimize=True)
    (inside,) = bodies(the("Scan", model))
    assert {n.op_type for n in all_nodes(inside)} == {"Conv", "Add", "Tanh", "Identity"}, "the layout changes outside"


@pytest.mark.parametrize("dtype", [DType.F16, DType.BF16, DType.F64, DType.I8, DType.BOOL], ids=str)
def test_element_types_of_states_and_sequences(dtype: DType, tmp_path: Path) -> None:
    """Each as a state, a slice and what a branch gives."""
    then, orelse = (body(f"%a: {dtype}[2], %b: {dtype}[2]", "", f'"y": {v}') for v in ("%a", "%b"))
    step = Graph("step")
    s, x, f = (
        step.input(n, TensorType(t, d)) for n, t, d in (("s", dtype, (2,)), ("x", dtype, (2,)), ("f", DType.BOOL, ()))
    )
    new = step.add(ops.If(then, orelse), f, s, x).output
    step.output("s", new)
    step.output("y", new)
    graph = Graph()
    values = [
        graph.input(n, TensorType(t, d))
        for n, t, d in (("s", dtype, (2,)), ("x", dtype, (4, 2)), ("f", DType.BOOL, (4,)))
    ]
    for i, value in enumerate(graph.add(ops.Scan(step, 1, 2, reverse=True), *values).outputs):
        graph.output(f"y{i}", value)
    x_ = (10 * floats(4, 2)).astype(dtype.numpy)
    inputs = {"s": x_[0], "x": x_, "f": np.array([True, False, True, True])}
    found = run(export(graph, tmp_path / "m.onnx"), inputs)
    for name, want in evaluate(graph, inputs).items():
        np.testing.assert_array_equal(found[name], want)


def test_complex_numbers_in_a_body_are_refused_by_layer_path() -> None:
    step = Graph("step")
    x = step.input("x", TensorType(DType.C64, (2,)))
    step.output("y", step.add(ops.Neg(), x, origin="net/loop/neg").output)
    graph = Graph()
    xs = graph.input("x", TensorType(DType.C64, (3, 2)))
    graph.output("y", graph.add(ops.Scan(step, 0, 1), xs, origin="net/loop").output)
    with pytest.raises(UnsupportedError, match="net/loop/neg") as e:
        TARGET.legalize(graph, OnnxOptions())
    assert {i.op for i in e.value.items} == {"neg", "scan"}


def test_an_error_in_a_body_names_the_layer_inside(tmp_path: Path) -> None:
    n = LENGTH // 2
    step = Graph("step")
    step.output(
        "y",
        step.add(
            ops.Add(),
            step.input("x", TensorType(DType.F32, ())),
            step.add(
                ops.ReduceSum((0,)), step.add(ops.Full((LENGTH,), 1.0, DType.F32), origin="net/loop/ones").output
            ).output,
        ).output,
    )
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (n,)))
    graph.output("y", graph.add(ops.Scan(step, 0, 1), x, origin="net/loop").output)
    with pytest.raises(EmitError, match="net/loop/ones: the size 'length' is not the size of an axis of an input"):
        export(graph, tmp_path / "m.onnx")


def _scan_model(path: Path) -> Graph:
    step = body("%s: f32[2], %x: f32[2]", "%y = add(%s, %x)", '"s": %y, "y": %y')
    graph = Graph()
    s = graph.input("s", TensorType(DType.F32, (2,)))
    x = graph.input("x", TensorType(DType.F32, (LENGTH, 2)))
    for i, value in enumerate(graph.add(ops.Scan(step, 1, 1), s, x, origin="net/scan").outputs):
        graph.output(f"y{i}", value)
    export(graph, path)
    return graph


@pytest.mark.parametrize("damage", ["dangling", "unknown_op", "lost_result"])
def test_damage_in_a_body_is_found(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    _scan_model(path)
    model = onnx.load(path)
    inside = bodies(the("Scan", model))[0]
    if damage == "dangling":
        inside.node[0].input[0] = "nowhere"
    elif damage == "unknown_op":
        inside.node[0].op_type = "Convolute"
    else:
        del inside.output[1]
    path.write_bytes(model.SerializeToString())
    with pytest.raises(EmitError, match=r"nowhere|Convolute|refuses the model"):
        TARGET.validate(path)


def test_only_tensors_outside_of_bodies_can_be_shown(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    graph = _scan_model(path)
    names = TARGET.tensors(graph, contract_of(graph), OnnxOptions())
    held = {o for n in onnx.load(path).graph.node for o in n.output} | {"s", "x"}
    assert set(names.values()) == held
    inside = {v for n in graph.nodes for b in n.op.bodies() for m in b.nodes for v in m.outputs}
    assert not inside & names.keys()
    inputs = {"s": floats(2), "x": floats(3, 2)}
    tapped = TARGET.runtimes()[0].tap(path, ["y1"]).run(inputs)
    np.testing.assert_allclose(tapped["y1"], inputs["s"] + np.cumsum(inputs["x"], 0), rtol=1e-5)
