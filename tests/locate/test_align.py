"""Layers are found in what was made of their graph: folded, transposed, reshaped; and what is lost is named."""

from __future__ import annotations

import numpy as np
import pytest

from kexport import ops
from kexport.ir.graph import Graph, Value
from kexport.ir.types import TensorType
from kexport.locate.align import Alignment, Tap, align, compare_values
from kexport.locate.checkpoints import Reach, activations, checkpoints, reaches, values_at
from kexport.passes.pipeline import OPTIMIZE, run_passes

X = {"x": np.random.default_rng(1).standard_normal((2, 4, 4, 3)).astype(np.float32)}


def net(epsilon: float = 1e-3) -> Graph:
    """A convolution, a batch norm that folds into it, an activation, and a layer with two results."""
    rng = np.random.default_rng(0)
    g = Graph("net")

    def weight(*shape: int) -> Value:
        return g.constant(rng.standard_normal(shape).astype(np.float32))

    x = g.input("x", TensorType.parse("f32[batch,4,4,3]"))
    conv = ops.Conv(strides=(1, 1), padding="same", dilation=(1, 1))
    h = g.add(conv, x, weight(3, 3, 3, 5), origin="conv").output
    norm = [weight(5), weight(5), weight(5), g.constant(rng.uniform(0.5, 1.5, 5).astype(np.float32))]
    h = g.add(ops.BatchNorm(epsilon=epsilon), h, *norm, origin="norm").output
    h = g.add(ops.Tanh(), h, origin="bend").output
    low, high = g.add(ops.Split(axis=3, sizes=(2, 3)), h, origin="split").outputs
    g.output("low", g.add(ops.Square(), low, origin="square").output)
    g.output("high", high)
    return g


def named(graph: Graph) -> dict[Value, str]:
    return {v: f"t{i}" for i, v in enumerate(v for n in graph.nodes for v in n.outputs)}


def optimized(graph: Graph) -> Graph:
    copy = graph.copy()
    run_passes(copy, OPTIMIZE)
    return copy


def test_checkpoints_are_what_leaves_a_layer() -> None:
    points = checkpoints(net())
    assert [p.name for p in points] == ["conv", "norm", "bend", "split", "split#1", "square"]
    assert [(p.layer, p.result) for p in points[3:5]] == [("split", 0), ("split", 1)]


def test_a_folded_layer_is_merged_and_the_rest_is_found() -> None:
    graph = net()
    made = optimized(net())
    found = align(graph, made, named(made), X)
    assert [t.checkpoint for t in found.taps] == ["norm", "bend", "split", "split#1", "square"]
    assert not found.lost
    around = reaches(graph, checkpoints(graph), {t.checkpoint for t in found.taps})
    assert around["norm"] == Reach((), ("conv", "norm"), ("batch_norm",))
    assert around["split#1"] == Reach(("bend",), ("split",), ("split",))


def test_turned_axes_are_turned_back() -> None:
    graph = net()
    turned = Graph("net")
    x = turned.input("x", TensorType.parse("f32[batch,4,4,3]"))
    nodes = list(graph.nodes)
    env: dict[Value, Value] = {graph.inputs[0]: x}
    for node in nodes[:3]:
        made = turned.add(node.op, *(env.get(v, v) for v in node.inputs), origin=node.origin)
        env[node.output] = made.output
    first = turned.add(ops.Transpose(perm=(0, 3, 1, 2)), env[nodes[2].output], origin="bend").output
    found = align(graph, turned, {first: "nchw"}, X)
    assert Tap("bend", "nchw", (0, 2, 3, 1)) in found.taps
    array = np.zeros((2, 5, 4, 4))
    assert found.taps[0].restore(array, (2, 4, 4, 5)).shape == (2, 4, 4, 5)


def test_what_a_pass_changed_is_lost_from_there_on() -> None:
    graph = net()
    other = net(epsilon=0.5)
    found = align(graph, other, named(other), X)
    assert found.lost == "norm"
    assert [t.checkpoint for t in found.taps] == ["conv"]


@pytest.mark.parametrize(
    ("a", "b", "found"),
    [
        ([1.0, 2.0], [1.0, 2.0], (0.0, None)),
        ([1.0, 2.0], [2.0, 1.0], None),
        ([1.0, 2.0], [1.0, 2.1], None),
        ([1.0, np.nan], [1.0, np.nan], (0.0, None)),
        ([1.0, np.nan], [np.nan, 1.0], None),
        ([0.0, 0.0], [0.0, 0.0], (0.0, None)),
        ([[1.0], [2.0]], [1.0, 2.0], (0.0, None)),
        ([[1.0, 2.0], [3.0, 4.0]], [[1.0, 3.0], [2.0, 4.0]], (0.0, (1, 0))),
        ([], [], None),
    ],
)
def test_comparing_values(a: list[float], b: list[float], found: object) -> None:
    assert compare_values(np.array(a), np.array(b)) == found


def test_whole_numbers_are_not_floats() -> None:
    assert compare_values(np.array([1, 2]), np.array([1.0, 2.0])) is None


def test_alignments_survive_json() -> None:
    alignment = Alignment((Tap("a", "t0"), Tap("b", "t1", (0, 2, 1))), "c")
    assert Alignment.from_json(alignment.to_json()) == alignment


def test_activations_hold_the_float32_run_that_is_farthest_from_the_oracle() -> None:
    graph = net()
    points = checkpoints(graph)
    found = activations(graph, points, X)
    plain = values_at(graph, points, X)
    for name, oracle in found.oracle.items():
        assert oracle.dtype == np.float64
        far, near = (np.abs(a.astype(np.float64) - oracle).max() for a in (found.eval32[name], plain[name]))
        assert near <= far < 1e-5
