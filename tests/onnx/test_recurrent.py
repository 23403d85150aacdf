"""Recurrent layers: ONNX's own nodes where they are exact, every mask, and what becomes a loop."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from kexport import ops
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph, Value
from kexport.ir.op import Array, Op
from kexport.ir.types import DType, TensorType
from kexport.ir.verifier import verify_graph
from kexport.ops.activation import GATE_ACTIVATIONS
from kexport_onnx.legalize import legalize
from kexport_onnx.options import OnnxOptions
from kexport_onnx.rules.recurrent import NATIVE_ACTIVATIONS
from tests.onnx.helper import export, kinds, run
from tests.ops.case import BATCH, LENGTH

INPUTS = 3
UNITS = 4
NATIVE = {"LSTM": ops.Lstm, "GRU": ops.Gru, "RNN": ops.SimpleRnn}
GATES = {ops.Lstm: 4, ops.Gru: 3, ops.SimpleRnn: 1}
MASKS = {
    "all": [[1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]],
    "right_padded": [[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]],
    "left_padded": [[0, 0, 1, 1], [0, 1, 1, 1], [1, 1, 1, 1]],
    "gaps": [[0, 1, 0, 1], [1, 0, 0, 1], [0, 0, 1, 0]],
    "empty_rows": [[0, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]],
    "none": [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]],
}


class Layers:
    """A graph of recurrent layers on x[batch,length,3]."""

    def __init__(self, dtype: DType = DType.F32):
        self.graph = Graph("net")
        self.rng = np.random.default_rng(0)
        self.dtype = dtype
        self.x = self.input("x", BATCH, LENGTH, INPUTS)

    def input(self, name: str, *shape: Any, dtype: DType | None = None) -> Value:
        return self.graph.input(name, TensorType(dtype or self.dtype, shape))

    def add(self, op: Op, *operands: Value) -> tuple[Value, ...]:
        return self.graph.add(op, *operands, origin=f"net/{op.name}").outputs

    def weights(self, op: Op, inputs: int = INPUTS, biases: int | None = None) -> list[Value]:
        gates = GATES[type(op)] * UNITS  # type: ignore[index]
        biases = biases or 1 + isinstance(op, ops.Gru)
        shapes = [(inputs, gates), (UNITS, gates), *[(gates,)] * biases]
        return [self.graph.constant(self.rng.uniform(-1, 1, s).astype(self.dtype.numpy), f"w{s}") for s in shapes]

    def zeros(self, op: Op) -> list[Value]:
        count = 1 + isinstance(op, ops.Lstm)
        return [self.add(ops.Full((BATCH, UNITS), 0, self.dtype))[0] for _ in range(count)]

    def layer(self, op: Op, x: Value | None = None, mask: Sequence[Value] = ()) -> tuple[Value, ...]:
        x = self.x if x is None else x
        return self.add(op, x, *self.zeros(op), *self.weights(op, int(x.type.shape[2])), *mask)  # type: ignore[arg-type]

    def done(self, *values: Value) -> Graph:
        for i, value in enumerate(values):
            self.graph.output(f"y{i}", value)
        return self.graph


def arrays(graph: Graph, batch: int, length: int, seed: int = 1) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    made = {v.name: rng.standard_normal(v.type.bind({"batch": batch, "length": length}).shape) for v in graph.inputs}  # type: ignore[arg-type]
    return {v.name: made[v.name].astype(v.type.dtype.numpy) for v in graph.inputs}


def check(graph: Graph, path: Path, inputs: dict[str, Array], tolerance: float = 2e-6, **options: Any) -> Path:
    expected = evaluate(graph, inputs, wide=True)
    found = run(export(graph, path, **options), inputs)
    for name, want in expected.items():
        assert found[name].shape == want.shape
        scale = max(1.0, float(np.abs(want).max()))
        np.testing.assert_allclose(found[name].astype(np.float64), want, rtol=0, atol=tolerance * scale)
    return path


@pytest.mark.parametrize("kind", NATIVE)
def test_a_layer_is_one_node(kind: str, tmp_path: Path) -> None:
    net = Layers()
    y, *_ = net.layer(NATIVE[kind]())
    path = check(net.done(y), tmp_path / "m.onnx", arrays(net.graph, 2, 7))
    assert kinds(path) == {"Transpose": 2, kind: 1, "Squeeze": 1}


@pytest.mark.parametrize("kind", NATIVE)
def test_only_the_last_state_is_asked_for(kind: str, tmp_path: Path) -> None:
    net = Layers()
    _, h, *_ = net.layer(NATIVE[kind]())
    path = check(net.done(h), tmp_path / "m.onnx", arrays(net.graph, 2, 7))
    assert kinds(path) == {"Transpose": 1, kind: 1, "Squeeze": 1}
    node = next(n for n in onnx.load(path).graph.node if n.op_type == kind)
    assert node.output[0] == ""
    assert len(node.output) == 2
    assert len(node.input) == 4, "a state of zeros is the default"


def test_between_layers_nothing_is_transposed(tmp_path: Path) -> None:
    net = Layers()
    x = net.x
    for op in (ops.Lstm(), ops.Gru(reverse=True), ops.SimpleRnn(activation="relu")):
        x = net.add(ops.Tanh(), net.layer(op, x)[0])[0]
    path = check(net.done(x), tmp_path / "m.onnx", arrays(net.graph, 2, 5))
    assert kinds(path)["Transpose"] == 2


@pytest.mark.parametrize("both", [False, True])
def test_both_directions(both: bool, tmp_path: Path) -> None:
    """Joined along the units, as a bidirectional layer does, with or without another layer after it."""
    net = Layers()
    pair = [net.layer(ops.Lstm(reverse=r))[0] for r in (False, True)]
    y = net.add(ops.Concat(2), *pair)[0]
    y = net.layer(ops.Gru(), y)[0] if both else y
    path = check(net.done(y), tmp_path / "m.onnx", arrays(net.graph, 3, 4))
    assert kinds(path)["Transpose"] == 2


@pytest.mark.parametrize("zero_masked", [False, True], ids=["repeat", "zeros"])
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("kind", NATIVE)
def test_masks(kind: str, mask: str, reverse: bool, zero_masked: bool, tmp_path: Path) -> None:
    net = Layers()
    op = NATIVE[kind](reverse=reverse, zero_masked=zero_masked)
    flags = net.input("mask", BATCH, LENGTH, dtype=DType.BOOL)
    state = [net.input(f"s{i}", BATCH, UNITS) for i in range(1 + (kind == "LSTM"))]
    graph = net.done(*net.add(op, net.x, *state, *net.weights(op), flags))
    inputs = arrays(graph, 3, 4) | {"mask": np.array(MASKS[mask], bool)}
    path = check(graph, tmp_path / "m.onnx", inputs)
    assert kinds(path)[kind] == 1
    assert not kinds(path).keys() & {"Scan", "Loop", "If"}
    legalize(graph, OnnxOptions())
    verify_graph(graph)
    for name, want in evaluate(graph, inputs).items():
        np.testing.assert_allclose(run(path, inputs)[name], want, rtol=0, atol=1e-5)


def test_masked_steps_are_not_read(tmp_path: Path) -> None:
    net = Layers()
    mask = net.input("mask", BATCH, LENGTH, dtype=DType.BOOL)
    graph = net.done(*net.layer(ops.Lstm(), mask=[mask]))
    inputs = arrays(graph, 3, 4) | {"mask": np.array(MASKS["gaps"], bool)}
    path = check(graph, tmp_path / "m.onnx", inputs)
    inputs["x"][~inputs["mask"]] = np.nan
    assert all(np.isfinite(y).all() for y in run(path, inputs).values())


def test_layers_with_one_mask_share_its_steps(tmp_path: Path) -> None:
    net = Layers()
    mask = net.input("mask", BATCH, LENGTH, dtype=DType.BOOL)
    x = net.layer(ops.Lstm(), mask=[mask])[0]
    graph = net.done(net.layer(ops.Gru(), x, [mask])[0])
    path = check(graph, tmp_path / "m.onnx", arrays(graph, 3, 4) | {"mask": np.array(MASKS["gaps"], bool)})
    assert kinds(path)["CumSum"] == 1


def test_every_activation_is_native_or_not() -> None:
    assert set(GATE_ACTIVATIONS) - NATIVE_ACTIVATIONS.keys() == {"relu6", "silu", "selu", "hard_silu", "mish"}


@pytest.mark.parametrize("name", [None, *GATE_ACTIVATIONS])
@pytest.mark.parametrize("kind", NATIVE)
def test_activations(kind: str, name: str | None, tmp_path: Path) -> None:
    """Each for the gates as well, beside another: alpha and beta belong to the right one."""
    for more in ({}, {"recurrent_activation": name, "activation": "elu"}):
        if more and kind == "RNN":
            continue
        net = Layers()
        y, *_ = net.layer(NATIVE[kind](**{"activation": name, **more}))
        path = check(net.done(y), tmp_path / "m.onnx", arrays(net.graph, 2, 3), tolerance=5e-6)
        native = name in NATIVE_ACTIVATIONS
        assert kinds(path)[kind] == native
        assert kinds(path)["Scan"] == (not native)


@pytest.mark.parametrize("sizes", [(1, 1), (3, 2), (2, 9)])
def test_a_layer_as_a_loop(sizes: tuple[int, int], tmp_path: Path) -> None:
    net = Layers()
    mask = net.input("mask", BATCH, LENGTH, dtype=DType.BOOL)
    graph = net.done(*net.layer(ops.Lstm(activation="mish", reverse=True), mask=[mask]))
    rng = np.random.default_rng(2)
    check(graph, tmp_path / "m.onnx", arrays(graph, *sizes) | {"mask": rng.random(sizes) < 0.5})


@pytest.mark.parametrize("kind", NATIVE)
def test_float64_is_a_loop(kind: str, tmp_path: Path) -> None:
    net = Layers(DType.F64)
    graph = net.done(*net.layer(NATIVE[kind]()))
    path = check(graph, tmp_path / "m.onnx", arrays(graph, 2, 3), tolerance=1e-14)
    assert kinds(path)["Scan"] == 1


@pytest.mark.parametrize("dtype", [DType.F16, DType.BF16], ids=str)
@pytest.mark.parametrize("activation", ["tanh", "silu"])
@pytest.mark.parametrize("kind", NATIVE)
def test_half_precision(kind: str, activation: str, dtype: DType, tmp_path: Path) -> None:
    net = Layers(dtype)
    y, *_ = net.layer(NATIVE[kind](activation=activation))
    path = tmp_path / "m.onnx"
    check(net.done(y), path, arrays(net.graph, 2, 3), tolerance=8 * 2.0 ** (-11 if dtype is DType.F16 else -8))
    assert kinds(path)[kind] == (activation == "tanh")


@pytest.mark.parametrize("reset_after", [False, True])
@pytest.mark.parametrize("kind", NATIVE)
def test_weights_may_be_computed(kind: str, reset_after: bool, tmp_path: Path) -> None:
    net = Layers()
    op = NATIVE[kind](**({"reset_after": reset_after} if kind == "GRU" else {}))
    weights = [net.input(f"w{i}", *v.type.shape) for i, v in enumerate(net.weights(op))]
    graph = net.done(*net.add(op, net.x, *net.zeros(op), *weights))
    path = check(graph, tmp_path / "m.onnx", arrays(graph, 2, 3))
    assert kinds(path)[kind] == 1


@pytest.mark.parametrize("kind", NATIVE)
def test_weights_are_stored_once(kind: str, tmp_path: Path) -> None:
    """Of a layer that is used twice; biases of zeros are the default."""
    net = Layers()
    op = NATIVE[kind]()
    w, r, *biases = net.weights(op)
    zeros = [net.graph.constant(np.zeros(b.type.shape, np.float32)) for b in biases]  # type: ignore[arg-type]
    first = net.add(op, net.x, *net.zeros(op), w, r, *zeros)
    again = net.add(op, net.add(ops.Neg(), net.x)[0], *first[1:], w, r, *zeros)
    path = check(net.done(again[0]), tmp_path / "m.onnx", arrays(net.graph, 2, 3))
    gates = GATES[type(op)] * UNITS
    stored = [tuple(t.dims) for t in onnx.load(path).graph.initializer if len(t.dims) > 1]
    assert stored == [(1, gates, INPUTS), (1, gates, UNITS)]
