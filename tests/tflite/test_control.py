"""Loops and branches in a file: what the subgraphs hold, which form a scan gets, and what the engines make of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kexport import ops
from kexport.ir.dim import Dim, symbol
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph
from kexport.ir.op import Array, Op
from kexport.ir.parser import parse_graph
from kexport.ir.types import DType, TensorType
from kexport.lowered import contract_of
from kexport_tflite.emission import tensor_names
from kexport_tflite.operators import OPERATORS
from kexport_tflite.rules.blocks import STEPS
from kexport_tflite.writer import schema
from tests.ops.cases_control import CASES as CONTROL
from tests.ops.cases_recurrent import CASES as RECURRENT
from tests.tflite.helper import RUNTIMES, assert_matches, export, legalized, operators, run
from tests.tflite.nets import BATCH, LENGTH

INPUTS = 5


def recurrent(op: Op, units: int, length: Dim, gates: int, states: int, batch: Dim = BATCH) -> Graph:
    """One recurrent layer that starts with zeros; its sequence of outputs and its last state."""
    rng = np.random.default_rng(3)
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (batch, length, INPUTS)))
    state = [graph.add(ops.Full((batch, units), 0, DType.F32)).output for _ in range(states)]
    shapes = ((INPUTS, gates * units), (units, gates * units), *[(gates * units,)] * (2 if gates == 3 else 1))
    weights = [graph.constant(rng.normal(0, s[0] ** -0.5, s).astype(np.float32), f"w{i}") for i, s in enumerate(shapes)]
    results = graph.add(op, x, *state, *weights, origin="layer").outputs
    graph.output("y", results[0])
    graph.output("last", results[1])
    return graph


def lstm(units: int = 4, length: Dim = LENGTH, batch: Dim = BATCH, **attributes: Any) -> Graph:
    return recurrent(ops.Lstm(**attributes), units, length, 4, 2, batch)


def inputs_of(graph: Graph, **sizes: int) -> dict[str, Array]:
    rng = np.random.default_rng(sum(sizes.values()))
    dims: dict[str, Dim] = dict(sizes)
    return {v.name: rng.normal(size=v.type.bind(dims).shape).astype(v.type.dtype.numpy) for v in graph.inputs}  # type: ignore[arg-type]


def read(path: Path) -> Any:
    return schema().ModelT.InitFromObj(schema().Model.GetRootAs(path.read_bytes(), 0))


@pytest.mark.parametrize("case", [*RECURRENT, *CONTROL], ids=lambda c: c.id)
def test_builtin_operators_and_no_memory_between_runs(case: Any, tmp_path: Path) -> None:
    model = read(export(case.graph(), tmp_path / "model.tflite"))
    known = {getattr(schema().BuiltinOperator, name) for name in OPERATORS}
    assert {max(c.builtinCode, c.deprecatedBuiltinCode) for c in model.operatorCodes} <= known
    assert not any(c.customCode for c in model.operatorCodes)
    assert not any(t.isVariable for g in model.subgraphs for t in g.tensors)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("reverse", [False, True])
def test_every_length_and_batch_in_one_session(reverse: bool, runtime: str, tmp_path: Path) -> None:
    """Shorter than a block, whole blocks, and one step more; the second run of a size begins anew."""
    graph = lstm(reverse=reverse)
    session = RUNTIMES[runtime].load(export(graph, tmp_path / "model.tflite"))
    for batch, length in ((1, 1), (3, STEPS - 1), (3, STEPS), (1, STEPS + 1), (2, 2 * STEPS), (1, 3 * STEPS + 5)):
        inputs = inputs_of(graph, batch=batch, length=length)
        expected = evaluate(graph, inputs, wide=True)
        assert_matches(session.run(inputs), expected)
        assert_matches(session.run(inputs), expected)


@pytest.mark.parametrize(
    ("units", "length", "loops"),
    [
        (4, 1, 0),
        (4, 16, 0),
        (4, 17, 1),
        (512, 1, 0),
        (512, 2, 1),
        (4, 100, 1),
        (96, 100, 2),
        (128, 2 * STEPS, 1),
        (4, LENGTH, 2),
    ],
)
@pytest.mark.parametrize("reverse", [False, True])
def test_the_form_of_a_scan(units: int, length: Dim, loops: int, reverse: bool, tmp_path: Path) -> None:
    """Written out, a loop, or a loop over blocks."""
    graph = lstm(units, length, reverse=reverse)
    path = export(graph, tmp_path / "model.tflite")
    assert len(read(path).subgraphs) == 1 + 2 * loops
    inputs = inputs_of(graph, batch=2, length=length if isinstance(length, int) else 40)
    assert_matches(run(path, inputs), evaluate(graph, inputs, wide=True), 1e-5)


def test_a_state_alone_needs_no_rows(tmp_path: Path) -> None:
    """The sequence of outputs is not written where nobody reads it, nor carried in the loop."""
    graph = lstm()
    graph.keep_outputs(["last"])
    model = read(export(graph, tmp_path / "model.tflite"))
    assert len(model.subgraphs) == 3
    codes = {max(c.builtinCode, c.deprecatedBuiltinCode) for c in model.operatorCodes}
    assert schema().BuiltinOperator.DYNAMIC_UPDATE_SLICE not in codes
    inputs = inputs_of(graph, batch=2, length=40)
    assert_matches(run(tmp_path / "model.tflite", inputs), evaluate(graph, inputs, wide=True))


def test_weights_are_in_the_file_once(tmp_path: Path) -> None:
    """Those of a body, and those that two layers share; what a loop starts with is not in the file."""
    graph = lstm(256, 40)
    (node,) = (n for n in graph.nodes if isinstance(n.op, ops.Lstm))
    again = graph.add(ops.Lstm(reverse=True), *node.inputs, origin="again")
    graph.output("backwards", again.outputs[0])
    weights = sum(v.data.nbytes for v in graph.constants if v.data is not None)
    assert weights < export(graph, tmp_path / "model.tflite").stat().st_size < weights + (24 << 10)


def test_float16_weights_in_bodies(tmp_path: Path) -> None:
    graph = recurrent(ops.Gru(), 64, LENGTH, 3, 1)
    half = export(graph, tmp_path / "half.tflite", precision="float16")
    assert half.stat().st_size < 0.7 * export(graph, tmp_path / "full.tflite").stat().st_size
    inputs = inputs_of(graph, batch=2, length=9)
    for runtime in RUNTIMES:
        assert_matches(run(half, inputs, runtime), evaluate(graph, inputs, wide=True), 2e-3)


def test_half_precision_is_computed_in_float32(tmp_path: Path) -> None:
    case = next(c for c in RECURRENT if c.id == "lstm-masked")
    graph = Graph()
    operands = [graph.input(f"x{i}", v.type) for i, v in enumerate(case.graph().inputs)]
    half = [v if v.type.dtype is DType.BOOL else graph.add(ops.Cast(DType.F16), v).output for v in operands]
    weights = [graph.constant(v.data.astype(np.float16)) for v in case.graph().constants if v.data is not None]
    node = graph.add(case.op, *half[:3], *weights, *half[3:])
    graph.output("y", node.outputs[0])
    path = export(graph, tmp_path / "model.tflite")
    values = list(case.inputs().values())
    inputs = {v.name: np.asarray(a, v.type.dtype.numpy) for v, a in zip(graph.inputs, values, strict=True)}
    assert_matches(run(path, inputs), evaluate(graph, inputs, wide=True), 2e-3)


def _whole(text: str) -> Graph:
    return parse_graph(text)


SWAP = """graph "main" (%n: i32[], %a: f32[batch,2], %b: f32[batch,2]) {
%zero: i32[] = const 0
%i, %m, %x, %y, %z = while(%zero, %n, %a, %b, %b) {
cond=graph "cond" (%i: i32[], %n: i32[], %a: f32[batch,2], %b: f32[batch,2], %c: f32[batch,2]) {
%more = less(%i, %n)
return "more": %more
}, body=graph "body" (%i: i32[], %n: i32[], %a: f32[batch,2], %b: f32[batch,2], %c: f32[batch,2]) {
%one: i32[] = const 1
%next = add(%i, %one)
return "i": %next, "n": %n, "x": %b, "y": %a, "z": %c
}}
return "i": %i, "n": %m, "x": %x, "y": %y, "z": %z
}"""
"""Two states change places in each step; one is handed on, and read after the loop."""

ENDS = """graph "main" (%p: bool[], %a: f32[batch,2]) {
%x, %y, %z, %w = if(%p, %a) {then=graph "then" (%a: f32[batch,2]) {
%one: f32[2] = const [1.0, 2.0]
%e = exp(%a)
return "x": %a, "y": %e, "z": %e, "w": %one
}, orelse=graph "orelse" (%a: f32[batch,2]) {
%two: f32[2] = const [3.0, 4.0]
%n = neg(%a)
return "x": %n, "y": %a, "z": %a, "w": %two
}}
return "x": %x, "y": %y, "z": %z, "w": %w
}"""
"""Branches that give an input, a constant, and one value twice."""

SIZES = """graph "main" (%p: bool[], %a: f32[batch,length]) {
%half: f32[batch] = reduce_max(%a) {axes=[1]}
%y = if(%p, %half) {then=graph "then" (%a: f32[batch]) {
%n = dims() {dims=[length], dtype=f32}
%y = add(%a, %n)
return "y": %y
}, orelse=graph "orelse" (%a: f32[batch]) {
%y = neg(%a)
return "y": %y
}}
return "y": %y
}"""
"""A branch that needs a size which no operand has."""


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("steps", [0, 1, 2, 5])
def test_states_that_change_places(steps: int, runtime: str, tmp_path: Path) -> None:
    graph = _whole(SWAP)
    inputs = inputs_of(graph, batch=3) | {"n": np.array(steps, np.int32)}
    path = export(graph, tmp_path / "model.tflite")
    assert_matches(run(path, inputs, runtime), evaluate(graph, inputs, wide=True))


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("flag", [False, True])
@pytest.mark.parametrize("text", [ENDS, SIZES], ids=["ends", "sizes"])
def test_branches(text: str, flag: bool, runtime: str, tmp_path: Path) -> None:
    graph = _whole(text)
    inputs = inputs_of(graph, batch=3, length=7) | {"p": np.array(flag)}
    path = export(graph, tmp_path / "model.tflite")
    assert_matches(run(path, inputs, runtime), evaluate(graph, inputs, wide=True))


def test_a_loop_needs_a_size_that_no_state_has(tmp_path: Path) -> None:
    lines = "%l = dims() {dims=[length], dtype=i32}\n%s = reduce_sum(%l) {axes=[0]}\n%m = less(%i, %s)"
    graph = _whole(
        f'graph "main" (%x: f32[batch,length]) {{\n%zero: i32[] = const 0\n%i = while(%zero) {{cond=graph "cond" '
        f'(%i: i32[]) {{\n{lines}\nreturn "more": %m\n}}, body=graph "body" (%i: i32[]) {{\n%two: i32[] = const 2\n'
        f'%n = add(%i, %two)\nreturn "i": %n\n}}}}\n%y = relu(%x)\nreturn "i": %i, "y": %y\n}}'
    )
    inputs = inputs_of(graph, batch=2, length=7)
    path = export(graph, tmp_path / "model.tflite")
    assert run(path, inputs)["i"] == 8
    assert_matches(run(path, inputs, "litert-reference"), evaluate(graph, inputs, wide=True))


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_loop_in_a_loop_in_a_branch(runtime: str, tmp_path: Path) -> None:
    """An LSTM over words in a scan over sentences, if it is asked for."""
    inner = lstm(3, 20, batch=2)
    inner.keep_outputs(["last"])
    outer = Graph("outer")
    sentences = outer.input("x", TensorType(DType.F32, (2, symbol("sentences"), 20, INPUTS)))
    outer.output("y", outer.add(ops.Scan(inner, 0, 1, axis=1), sentences).output)
    other = Graph("other")
    x = other.input("x", sentences.type)
    first = other.add(ops.Slice((0, 0, 0, 0), (*x.type.shape[:3], 3), (1, 1, 1, 1)), x).output
    other.output("y", other.add(ops.ReduceSum((2,)), first).output)
    graph = Graph()
    p = graph.input("p", TensorType(DType.BOOL, ()))
    x = graph.input("x", sentences.type)
    graph.output("y", graph.add(ops.If(outer, other), p, x).output)
    path = export(graph, tmp_path / "model.tflite")
    for flag in (True, False):
        inputs = inputs_of(graph, sentences=4) | {"p": np.array(flag)}
        assert_matches(run(path, inputs, runtime), evaluate(graph, inputs, wide=True), 1e-5)


@pytest.mark.parametrize(
    "size", ["2*length+1", "length-2", "(length+3)//4", "3*batch*length-length", "(2*length-3)//2+batch"]
)
def test_sizes_are_known_before_a_run(size: str, tmp_path: Path) -> None:
    """What LiteRT knows when it plans memory, XNNPACK can take and CompiledModel can give."""
    from ai_edge_litert.interpreter import Interpreter

    graph = _whole(
        f'graph "main" (%x: f32[batch,length]) {{\n%y = full() {{shape=[{size}], value=2.5, dtype=f32}}\n'
        f'%z = relu(%x)\nreturn "y": %y, "z": %z\n}}'
    )
    path = export(graph, tmp_path / "model.tflite")
    inputs = inputs_of(graph, batch=3, length=7)
    expected = evaluate(graph, inputs, wide=True)
    interpreter = Interpreter(model_path=str(path))
    interpreter.resize_tensor_input(0, [3, 7])
    interpreter.allocate_tensors()
    shapes = {tuple(d["shape"]) for d in interpreter.get_output_details()}
    assert shapes == {expected["y"].shape, (3, 7)}
    for runtime in RUNTIMES:
        assert_matches(run(path, inputs, runtime), expected)


def test_the_loop_reads_one_tensor_and_copies_none(tmp_path: Path) -> None:
    """What the body only reads stays one tensor of the body, and nobody reads what the loop gives for it."""
    graph = lstm(4, 40)
    model = read(export(graph, tmp_path / "model.tflite"))
    main, _, body = model.subgraphs
    (loop,) = (o for o in main.operators if hasattr(o.builtinOptions, "bodySubgraphIndex"))
    same = [i for i, (a, b) in enumerate(zip(body.inputs, body.outputs, strict=True)) if a == b]
    assert len(same) == 2  # the number of steps, and the sequence
    others = [t for o in main.operators if o is not loop for t in o.inputs] + list(main.outputs)
    assert not {loop.outputs[i] for i in same} & set(others)
    assert operators(tmp_path / "model.tflite")["WHILE"] == 1


def test_what_a_loop_starts_with_is_filled_when_it_runs(tmp_path: Path) -> None:
    graph = lstm(64, 100, 1)
    weights = sum(v.data.nbytes for v in graph.constants if v.data is not None)
    path = export(graph, tmp_path / "model.tflite")
    assert path.stat().st_size < weights + (8 << 10)
    assert operators(path)["FILL"] == 1
    inputs = inputs_of(graph)
    for runtime in RUNTIMES:
        assert_matches(run(path, inputs, runtime), evaluate(graph, inputs, wide=True))


@pytest.mark.parametrize("dtype", ["f16", "bf16", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "bool"])
def test_states_and_rows_of_every_type(dtype: str, tmp_path: Path) -> None:
    """The state is what was read last, the rows what was read before."""
    type = TensorType(DType(dtype), (BATCH, 3))
    body = Graph("body")
    state = body.input("state", type)
    row = body.input("row", type)
    body.output("state", row)
    body.output("before", state)
    graph = Graph()
    first = graph.input("first", type)
    rows = graph.input("rows", type.with_shape((BATCH, LENGTH, 3)))
    for name, value in zip(("last", "y"), graph.add(ops.Scan(body, 1, 1, axis=1), first, rows).outputs, strict=True):
        graph.output(name, value)
    path = export(graph, tmp_path / "model.tflite")
    numbers = np.random.default_rng(1).integers(0, 2 if dtype == "bool" else 100, (2, 6, 3)).astype(DType(dtype).numpy)
    inputs = {"first": numbers[:, 0], "rows": numbers}
    for runtime in RUNTIMES:
        found = run(path, inputs, runtime)
        np.testing.assert_array_equal(found["last"].astype(np.float64), numbers[:, -1].astype(np.float64))
        shifted = np.concatenate([numbers[:, :1], numbers[:, :-1]], 1)
        np.testing.assert_array_equal(found["y"].astype(np.float64), shifted.astype(np.float64))


@pytest.mark.parametrize("length", [LENGTH, 40], ids=str)
def test_values_around_a_loop_are_shown(length: Dim, tmp_path: Path) -> None:
    """What the graph around computes, and all that the loop gives, is what the evaluator has there."""
    graph = lstm(length=length)
    legal = legalized(graph)
    names = tensor_names(legal, contract_of(graph))
    path = export(graph, tmp_path / "model.tflite")
    inputs = inputs_of(graph, batch=2, length=40)
    seen: list[tuple[Any, list[Array]]] = []
    evaluate(legal, inputs, wide=True, observe=lambda node, results: seen.append((node, list(results))))
    around = [results for node, results in seen if node.graph is seen[-1][0].graph]
    pairs = zip(legal.nodes, around, strict=True)
    expected = {v: a for node, results in pairs for v, a in zip(node.outputs, results, strict=True)}
    found = RUNTIMES["litert-xnnpack"].tap(path, list(names.values())).run(inputs)
    shown = {names[v]: a for v, a in expected.items() if v in names and names[v] in found}
    assert len(shown) >= 10
    assert_matches({name: found[name] for name in shown}, shown)
