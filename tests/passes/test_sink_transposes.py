"""Transposes sink and cancel, and the numbers stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from kexport import ops
from kexport.ir.dim import symbol
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph, Value
from kexport.ir.types import DType, TensorType
from kexport.ir.verifier import verify_graph
from kexport.passes.sink_transposes import PASS, axis_groups, inverse, keeps_order

LAST = (0, 2, 3, 1)
FIRST = (0, 3, 1, 2)
BATCH = symbol("batch")
LENGTH = symbol("length")
Build = Callable[[Graph, Value], Value]


def transposes(graph: Graph) -> int:
    return sum(isinstance(n.op, ops.Transpose) for n in graph.nodes)


def check(graph: Graph, at_most: int) -> None:
    """Run the pass: same outputs, `at_most` transposes left, nothing left to do."""
    sizes = {"batch": 2}
    rng = np.random.default_rng(0)
    inputs = {v.name: rng.standard_normal([sizes.get(str(d), d) for d in v.type.shape]) for v in graph.inputs}
    before = evaluate(graph, inputs, wide=True)
    PASS.run(graph)
    verify_graph(graph)
    assert transposes(graph) <= at_most
    after = evaluate(graph, inputs, wide=True)
    for name, want in before.items():
        np.testing.assert_allclose(after[name], want, rtol=1e-9, atol=1e-9)
    assert not PASS.run(graph)


def wrapped(body: Build, shape: tuple[object, ...] = (BATCH, 3, 4, 5), last: bool = True) -> Graph:
    """x[N,C,H,W], transposed to channels last, `body`, and back."""
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, shape))  # type: ignore[arg-type]
    y = body(graph, graph.add(ops.Transpose(LAST), x).output)
    graph.output("y", graph.add(ops.Transpose(FIRST), y).output if last else y)
    return graph


def weight(graph: Graph, *shape: int) -> Value:
    return graph.constant(np.random.default_rng(1).standard_normal(shape).astype(np.float32), "w")


BODIES: dict[str, Build] = {
    "unary": lambda g, x: g.add(ops.Relu(), x).output,
    "cast": lambda g, x: g.add(ops.Cast(DType.F16), x).output,
    "bias": lambda g, x: g.add(ops.Add(), x, weight(g, 3)).output,
    "bias_in_front": lambda g, x: g.add(ops.Sub(), weight(g, 5, 3), x).output,
    "scalar": lambda g, x: g.add(ops.Mul(), x, g.constant(np.float32(2))).output,
    "twice": lambda g, x: g.add(ops.Mul(), x, x).output,
    "prelu": lambda g, x: g.add(ops.Prelu(), x, weight(g, 1, 1, 3)).output,
    "select": lambda g, x: g.add(ops.Select(), g.add(ops.Less(), x, weight(g, 3)).output, x, weight(g, 3)).output,
    "pad": lambda g, x: g.add(ops.Pad(((0, 0), (1, 2), (0, 3), (0, 0))), x).output,
    "slice": lambda g, x: g.add(ops.Slice((0, 1, 0, 0), (BATCH, 4, 5, 2), (1, 2, 1, 1)), x).output,
    "reverse": lambda g, x: g.add(ops.Reverse((1, -1)), x).output,
    "split": lambda g, x: g.add(ops.Split(-1, (1, 2)), x).outputs[1],
    "tile": lambda g, x: g.add(ops.Tile((1, 2, 1, 3)), x).output,
    "softmax": lambda g, x: g.add(ops.Softmax(-1), x).output,
    "cumsum": lambda g, x: g.add(ops.CumSum(2), x).output,
    "concat": lambda g, x: g.add(ops.Concat(-1), x, g.add(ops.Relu(), x).output).output,
    "reduce_keeping": lambda g, x: g.add(ops.ReduceMax((-1,), True), x).output,
    "squeeze_and_excite": lambda g, x: (
        g.add(ops.Mul(), x, g.add(ops.Reshape((BATCH, 1, 1, 3)), g.add(ops.ReduceMean((1, 2)), x).output).output).output
    ),
    "gather": lambda g, x: g.add(ops.Gather(3), x, g.constant(np.array([2, 0], np.int32))).output,
}


@pytest.mark.parametrize("name", BODIES)
def test_a_pair_of_transposes_cancels_through(name: str) -> None:
    check(wrapped(BODIES[name]), at_most=0)


@pytest.mark.parametrize(
    ("body", "left"),
    [
        (lambda g, x: g.add(ops.ReduceMean((1, 2)), x).output, 0),
        (lambda g, x: g.add(ops.ArgMax(3), x).output, 0),
        (lambda g, x: g.add(ops.ArgMax(1), x).output, 1),
        (lambda g, x: g.add(ops.Gather(3), x, g.constant(np.int32(1))).output, 0),
    ],
    ids=["global_pool", "argmax_of_channels", "argmax_of_rows", "one_channel"],
)
def test_axes_that_go_take_the_transpose_along(body: Build, left: int) -> None:
    check(wrapped(body, last=False), at_most=left)


def test_flatten_permutes_the_rows_of_a_constant_weight() -> None:
    def body(g: Graph, x: Value) -> Value:
        flat = g.add(ops.Reshape((BATCH, 60)), x).output
        return g.add(ops.Dense("relu"), flat, weight(g, 60, 7), weight(g, 7)).output

    check(wrapped(body, last=False), at_most=0)


def test_flatten_permutes_the_rows_of_a_product() -> None:
    def body(g: Graph, x: Value) -> Value:
        flat = g.add(ops.Reshape((BATCH, 60)), x).output
        return g.add(ops.MatMul(), flat, weight(g, 60, 7)).output

    check(wrapped(body, last=False), at_most=0)


def test_flatten_stays_before_a_transposed_product() -> None:
    def body(g: Graph, x: Value) -> Value:
        flat = g.add(ops.Reshape((BATCH, 60)), x).output
        return g.add(ops.MatMul(transpose_b=True), flat, weight(g, 7, 60)).output

    check(wrapped(body, last=False), at_most=1)


def test_flatten_stays_where_the_weight_is_computed() -> None:
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (2, 3, 4, 5)))
    w = graph.input("w", TensorType(DType.F32, (60, 7)))
    flat = graph.add(ops.Reshape((2, 60)), graph.add(ops.Transpose(LAST), x).output).output
    graph.output("y", graph.add(ops.Dense(), flat, w).output)
    check(graph, at_most=1)


def test_a_flattened_weight_is_a_view() -> None:
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (2, 3, 4, 5)))
    data = np.random.default_rng(1).standard_normal((60, 7)).astype(np.float32)
    flat = graph.add(ops.Reshape((2, 60)), graph.add(ops.Transpose(LAST), x).output).output
    graph.output("y", graph.add(ops.Dense(), flat, graph.constant(data)).output)
    PASS.run(graph)
    (view,) = (v.data for v in graph.constants)
    assert view is not None
    assert np.shares_memory(view, data)


def test_it_does_not_transpose_another_operand_for_nothing() -> None:
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (2, 3, 4, 5)))
    other = graph.input("other", TensorType(DType.F32, (2, 4, 5, 3)))
    graph.output("y", graph.add(ops.Add(), graph.add(ops.Transpose(LAST), x).output, other).output)
    check(graph, at_most=1)


def test_it_transposes_another_operand_when_that_pays() -> None:
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (2, 3, 4, 5)))
    other = graph.input("other", TensorType(DType.F32, (2, 4, 5, 3)))
    y = graph.add(ops.Add(), graph.add(ops.Transpose(LAST), x).output, other).output
    graph.output("y", graph.add(ops.Transpose(FIRST), y).output)
    check(graph, at_most=1)


def test_a_channel_shuffle_takes_one_transpose() -> None:
    def body(g: Graph, x: Value) -> Value:
        y = g.add(ops.Reshape((BATCH, 4, 5, 2, 3)), x).output
        y = g.add(ops.Transpose((0, 1, 2, 4, 3)), y).output
        return g.add(ops.Reshape((BATCH, 4, 5, 6)), y).output

    check(wrapped(body, (BATCH, 6, 4, 5)), at_most=1)


def test_axes_joined_before_a_transpose() -> None:
    def body(g: Graph, x: Value) -> Value:
        return g.add(ops.Reshape((BATCH, 20, 3)), x).output

    graph = wrapped(body, last=False)
    y = graph.outputs[0].value
    graph.output("t", graph.add(ops.Transpose((0, 2, 1)), y).output)
    check(graph, at_most=2)
    only = Graph()
    x = only.input("x", TensorType(DType.F32, (BATCH, 3, 4, 5)))
    joined = only.add(ops.Reshape((BATCH, 20, 3)), only.add(ops.Transpose(LAST), x).output).output
    only.output("t", only.add(ops.Transpose((0, 2, 1)), joined).output)
    check(only, at_most=0)


@pytest.mark.parametrize(
    ("old", "new", "groups"),
    [
        ((2, 3, 4), (6, 4), [([0, 1], [0]), ([2], [1])]),
        ((BATCH, 12), (BATCH, 3, 4), [([0], [0]), ([1], [1, 2])]),
        ((BATCH, 4, LENGTH), (BATCH, 4 * LENGTH), [([0], [0]), ([1, 2], [1])]),
        ((BATCH * LENGTH, 4), (BATCH, LENGTH, 4), [([0], [0, 1]), ([1], [2])]),
        ((2, 3, 1, 1), (6,), [([0, 1, 2, 3], [0])]),
        ((6,), (6, 1), [([0], [0, 1])]),
        ((4, 6), (6, 4), [([0, 1], [0, 1])]),
        ((BATCH, LENGTH), (LENGTH, BATCH), None),
        ((), (1, 1), []),
    ],
)
def test_axis_groups(old: tuple[Any, ...], new: tuple[Any, ...], groups: Any) -> None:
    assert axis_groups(old, new) == groups


def test_unit_axes_move_by_reshape() -> None:
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (BATCH, 1, 1, 8)))
    graph.output("y", graph.add(ops.Transpose(FIRST), x).output)
    check(graph, at_most=0)


def test_softmax_stays_on_the_last_axis_before_an_output() -> None:
    graph = wrapped(lambda g, x: g.add(ops.Softmax(-1), x).output, last=False)
    check(graph, at_most=1)
    assert any(n.op == ops.Softmax(-1) for n in graph.nodes)


def test_inverse_and_keeps_order() -> None:
    assert inverse(LAST) == FIRST
    assert keeps_order((BATCH, 1, 1, 8), FIRST)
    assert not keeps_order((BATCH, 2, 1, 8), FIRST)


@pytest.mark.parametrize("seed", range(40))
def test_random_graphs_keep_their_numbers(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = Graph()
    pool = [graph.input("x", TensorType(DType.F32, (2, 3, 4, 5)))]
    for _ in range(25):
        pool.append(_random_node(graph, pool, rng))
    graph.output("y", pool[-1])
    for i, value in enumerate(v for v in pool[:-1] if v.producer and not v.uses):
        graph.output(f"y{i}", value)
    check(graph, at_most=2 * transposes(graph))  # one with several users may sink along each way


def _random_node(graph: Graph, pool: list[Value], rng: np.random.Generator) -> Value:
    value = pool[int(rng.integers(max(0, len(pool) - 6), len(pool)))]
    rank = value.type.rank
    shape = value.type.shape
    perm = tuple(int(p) for p in rng.permutation(rank))
    axis = int(rng.integers(rank))
    match int(rng.integers(10)):
        case 0 | 1 | 2:
            return graph.add(ops.Transpose(perm), value).output
        case 3:
            return graph.add(ops.Tanh(), value).output
        case 4:
            same = [v for v in pool if v.type == value.type]
            return graph.add(ops.Add(), value, same[int(rng.integers(len(same)))]).output
        case 5:
            return graph.add(ops.Mul(), value, weight(graph, int(shape[-1]))).output  # type: ignore[arg-type]
        case 6 if rank > 2:
            return graph.add(ops.ReduceMean((axis,), bool(rng.integers(2))), value).output
        case 7:
            pads = tuple((int(rng.integers(2)), 0) if i == axis else (0, 0) for i in range(rank))
            return graph.add(ops.Pad(pads), value).output
        case 8 if rank == 4:
            a, b, c, d = shape
            joined = graph.add(ops.Reshape((a, b, c * d) if axis < 2 else (a * b, c, d)), value).output
            turned = graph.add(ops.Transpose((1, 2, 0)), joined).output
            return graph.add(ops.Reshape((*turned.type.shape[:2], a, b) if axis == 2 else shape), turned).output
        case 8:
            return graph.add(ops.Concat(axis), value, value).output if shape[axis] < 9 else value
        case _:
            return graph.add(ops.Reverse((axis,)), value).output
