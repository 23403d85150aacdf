"""Which recurrent layers are Core ML's own operations, and what becomes of the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kexport import ops
from kexport.ir.dim import Dim, symbol
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph, Value
from kexport.ir.op import infer
from kexport.ir.types import DType, TensorType
from kexport_coreml.dtypes import CODES
from kexport_coreml.emit.recurrent import recurrent
from kexport_coreml.reader import read_model
from kexport_coreml.rules.control import LONGEST
from kexport_coreml.rules.recurrent import why_not
from kexport_shared.emit.recurrent import TimeFirst
from tests.coreml.helper import export, kinds, operations, run

BATCH = symbol("batch")
LENGTH = symbol("length")
INPUTS = 3
UNITS = 4
GATES = {ops.SimpleRnn: 1, ops.Gru: 3, ops.Lstm: 4}
SHAPE = (BATCH, LENGTH, INPUTS)


class Net:
    """Layers one after another, each from zeros on."""

    def __init__(self, shape: tuple[Dim, ...] = SHAPE):
        self.graph = Graph()
        self._rng = np.random.default_rng(5)
        self.x = self.graph.input("x", TensorType(DType.F32, shape))

    def weight(self, *shape: int) -> Value:
        return self.graph.constant((self._rng.standard_normal(shape) / 2).astype(np.float32))

    def layer(self, op: Any, x: Value, mask: Value | None = None) -> tuple[Value, ...]:
        gates = GATES[type(op)] * UNITS
        state = TensorType(DType.F32, (x.type.shape[0], UNITS))
        zeros = [
            self.graph.add(ops.Full(state.shape, 0, DType.F32)).output for _ in range(1 + isinstance(op, ops.Lstm))
        ]
        weights = [self.weight(int(x.type.shape[2]), gates), self.weight(UNITS, gates)]
        biases = [self.weight(gates) for _ in range(1 + isinstance(op, ops.Gru))]
        given = [x, *zeros, *weights, *biases, *([mask] if mask else [])]
        return self.graph.add(op, *given, origin=op.name).outputs

    def done(self, **results: Value) -> Graph:
        for name, value in results.items():
            self.graph.output(name, value)
        return self.graph


def net(op: Any, shape: tuple[Dim, ...] = SHAPE, results: str = "yh", masked: bool = False) -> Graph:
    made = Net(shape)
    mask = made.graph.input("mask", TensorType(DType.BOOL, shape[:2])) if masked else None
    y, h, *_ = made.layer(op, made.x, mask)
    return made.done(**{k: v for k, v in (("y", y), ("h", h)) if k in results})


def agrees(
    path: Path, graph: Graph, sizes: tuple[int, int] = (2, 5), mode: str = "float32", atol: float = 2e-6
) -> None:
    rng = np.random.default_rng(2)
    inputs: dict[str, Any] = {"x": rng.standard_normal((*sizes, INPUTS)).astype(np.float32)}
    if len(graph.inputs) > 1:
        inputs["mask"] = rng.random(sizes) < 0.6
    want = evaluate(graph, inputs, wide=True)
    for name, got in run(path, inputs, mode).items():
        np.testing.assert_allclose(got, want[name], rtol=0, atol=atol)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("op", [ops.Lstm, ops.SimpleRnn], ids=lambda op: op.name)
def test_a_plain_layer_is_one_operation(op: Any, reverse: bool, tmp_path: Path) -> None:
    graph = net(op(reverse=reverse))
    path = export(graph, tmp_path / "m.mlpackage")
    found = kinds(path)
    assert found["lstm" if op is ops.Lstm else "rnn"] == 1
    assert found["transpose"] == 2
    assert found["reverse"] == reverse
    assert not found.keys() & {"while_loop", "linear", "matmul"}
    agrees(path, graph)


def test_the_last_state_alone_needs_no_sequence(tmp_path: Path) -> None:
    graph = net(ops.Lstm(reverse=True), results="h")
    path = export(graph, tmp_path / "m.mlpackage")
    found = kinds(path)
    assert (found["lstm"], found["transpose"], found["reverse"]) == (1, 1, 0)
    (lstm,) = (o for o in operations(path) if o.type == "lstm")
    assert [d.constant.size for d in lstm.outputs[0].type.tensorType.dimensions if d.HasField("constant")] == [1, 4]
    agrees(path, graph)


def test_layers_on_each_other_stay_time_first(tmp_path: Path) -> None:
    made = Net()
    first = made.layer(ops.Lstm(), made.x)[0]
    second = made.layer(ops.SimpleRnn(activation="relu"), first)[0]
    graph = made.done(y=made.layer(ops.Lstm(), second)[0])
    path = export(graph, tmp_path / "m.mlpackage")
    assert (kinds(path)["lstm"], kinds(path)["rnn"], kinds(path)["transpose"]) == (2, 1, 2)
    agrees(path, graph)


def test_a_layer_that_is_used_twice_has_its_weights_once(tmp_path: Path) -> None:
    made = Net()
    y, _, _ = made.layer(ops.Lstm(), made.x)
    node = y.producer
    assert node is not None
    other = made.graph.input("other", TensorType(DType.F32, SHAPE))
    again = made.graph.add(node.op, other, *node.inputs[1:]).outputs[0]
    path = export(made.done(a=y, b=again), tmp_path / "m.mlpackage")
    used = [
        [o.inputs[p].arguments[0].name for p in ("weight_ih", "bias")] for o in operations(path) if o.type == "lstm"
    ]
    assert len(used) == 2
    assert used[0] == used[1]


REASONS = {
    "it is masked": (ops.Lstm(), SHAPE, True),
    "its activations are others": (ops.Lstm(recurrent_activation="hard_sigmoid"), SHAPE, False),
}


@pytest.mark.parametrize("reason", REASONS)
def test_what_core_ml_lacks_is_a_loop(reason: str, tmp_path: Path) -> None:
    op, shape, masked = REASONS[reason]
    graph = net(op, shape, masked=masked)
    (node,) = (n for n in graph.nodes if n.op is op)
    assert why_not(node) == reason
    path = export(graph, tmp_path / "m.mlpackage")
    assert kinds(path)["while_loop"] == 1
    assert not kinds(path).keys() & {"lstm", "gru", "rnn"}
    agrees(path, graph)


def test_computed_weights_are_no_operation() -> None:
    graph = Graph()
    given = [
        graph.input(n, TensorType(DType.F32, s))
        for n, s in zip("xhwrb", [SHAPE, (BATCH, 4), (3, 4), (4, 4), (4,)], strict=True)
    ]
    assert why_not(graph.add(ops.SimpleRnn(), *given)) == "its weights are computed"


@pytest.mark.parametrize("reset_after", [False, True])
def test_a_gru_is_a_loop(reset_after: bool, tmp_path: Path) -> None:
    graph = net(ops.Gru(reset_after=reset_after, reverse=True))
    path = export(graph, tmp_path / "m.mlpackage", deployment="ios18")
    assert (kinds(path)["gru"], kinds(path)["while_loop"]) == (0, 1)
    agrees(path, graph)


@pytest.mark.parametrize(("length", "loops"), [(LONGEST, 0), (LONGEST + 1, 1)])
def test_short_loops_are_written_out(length: int, loops: int, tmp_path: Path) -> None:
    graph = net(ops.Gru(), (BATCH, length, INPUTS))
    path = export(graph, tmp_path / "m.mlpackage")
    assert kinds(path)["while_loop"] == loops
    agrees(path, graph, (2, length))


def test_a_loop_does_the_input_product_before_it_begins(tmp_path: Path) -> None:
    path = export(net(ops.Gru(), results="h"), tmp_path / "m.mlpackage")
    (loop,) = (o for o in operations(path) if o.type == "while_loop")
    body = loop.blocks[1]
    assert [o.type for o in body.operations if o.type in ("linear", "matmul")] == ["linear"]
    assert not [o for o in body.operations if o.type in ("const", "shape", "transpose", "scatter_nd")]
    assert len(body.inputs) == 2  # the step and the state


@pytest.mark.parametrize(("deployment", "dtype"), [("ios16", DType.F32), ("ios17", DType.F16)])
def test_in_float16(deployment: str, dtype: DType, tmp_path: Path) -> None:
    graph = net(ops.Lstm())
    path = export(graph, tmp_path / "m.mlpackage", deployment=deployment, precision="float16")
    (lstm,) = (o for o in operations(path) if o.type == "lstm")
    assert {v.type.tensorType.dataType for v in lstm.outputs} == {CODES[dtype]}
    kept = read_model(path).description.metadata.userDefined.get("kexport.float32", "[]")
    assert kept == ('["lstm"]' if dtype is DType.F32 else "[]")
    agrees(path, graph, mode="float16", atol=2e-3)


def test_time_first_means_the_same() -> None:
    graph = net(ops.Lstm())
    (node,) = (n for n in graph.nodes if isinstance(n.op, ops.Lstm))
    op = TimeFirst(node.op)
    x = TensorType(DType.F32, (LENGTH, BATCH, INPUTS))
    found = infer(op, (x, *(v.type for v in node.inputs[1:])))
    assert [t.shape for t in found] == [(LENGTH, BATCH, UNITS), (BATCH, UNITS), (BATCH, UNITS)]
    rng = np.random.default_rng(0)
    given = [rng.standard_normal([{LENGTH: 5, BATCH: 2}.get(d, d) for d in v.type.shape]) for v in node.inputs]
    want = node.op.evaluate(*given)
    got = op.widen().bind({"batch": 2}).evaluate(given[0].swapaxes(0, 1), *given[1:])
    assert op.symbols() == set()
    for a, b in zip((got[0].swapaxes(0, 1), *got[1:]), want, strict=True):
        np.testing.assert_array_equal(a, b)


def test_both_have_one_emitter() -> None:
    from kexport_coreml import TARGET

    assert {TARGET.emitters.emitters[op] for op in (ops.Lstm, ops.SimpleRnn)} == {recurrent}


def test_flags_are_gathered_as_numbers(tmp_path: Path) -> None:
    """Core ML's gather takes no booleans: the mask becomes numbers once, and a step casts its own part alone."""
    graph = net(ops.Lstm(), masked=True)
    path = export(graph, tmp_path / "m.mlpackage")
    (loop,) = (o for o in operations(path) if o.type == "while_loop")
    casts = [o for o in loop.blocks[1].operations if o.type == "cast"]
    assert [v.type.tensorType.rank for o in casts for v in o.outputs] == [1]
    agrees(path, graph)


def conv_cell() -> ops.Scan:
    """A convolution of the step and one of the state, both channels last."""
    body = Graph("step")
    h, x = (body.input(n, TensorType(DType.F32, (BATCH, 6, 6, c))) for n, c in (("h", 4), ("x", INPUTS)))
    rng = np.random.default_rng(3)
    conv = ops.Conv((1, 1), "same", (1, 1))
    sums = []
    for _ in range(2):
        weights = [body.constant(rng.standard_normal((3, 3, c, 4)).astype(np.float32) / 5) for c in (INPUTS, 4)]
        parts = [body.add(conv, v, w).output for v, w in zip((x, h), weights, strict=True)]
        sums.append(body.add(ops.Add(), *parts).output)
    gated = body.add(ops.Mul(), body.add(ops.Sigmoid(), sums[0]).output, h).output
    new = body.add(ops.Add(), gated, body.add(ops.Tanh(), sums[1]).output).output
    body.output("h", new)
    body.output("y", new)
    return ops.Scan(body, 1, 1, axis=1)


@pytest.mark.parametrize(("length", "convs", "transposes"), [(5, 20, 8), (LENGTH, 4, 8)])
def test_convolutions_of_the_state(length: Dim, convs: int, transposes: int, tmp_path: Path) -> None:
    """Written out they stay channels first: one transpose for each step, and those of the results."""
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (BATCH, length, 6, 6, INPUTS)))
    zeros = graph.add(ops.Full((BATCH, 6, 6, 4), 0, DType.F32)).output
    h, y = graph.add(conv_cell(), zeros, x).outputs
    graph.output("h", h)
    graph.output("y", y)
    path = export(graph, tmp_path / "m.mlpackage")
    assert kinds(path)["conv"] == convs
    assert kinds(path)["transpose"] <= transposes
    inputs = {"x": np.random.default_rng(0).standard_normal((2, 5, 6, 6, INPUTS)).astype(np.float32)}
    for name, want in evaluate(graph, inputs, wide=True).items():
        np.testing.assert_allclose(run(path, inputs)[name], want, rtol=0, atol=1e-5)
