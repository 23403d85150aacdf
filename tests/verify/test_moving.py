"""Inputs beyond the usual: those that a model was adapted to, those on which outputs move, a batch size of chance."""

from __future__ import annotations

import numpy as np

from kexport.evidence.batches import make_batch, make_batches
from kexport.evidence.ranges import input_ranges
from kexport.evidence.sizes import DRAWN, choose_sizes, drawn
from kexport.ir.dim import symbol
from kexport.ir.graph import Graph
from kexport.ir.types import DType, TensorType
from kexport.ops import BatchNorm, Dense, Div, Mul, Relu, Sigmoid, Sub
from kexport.verify.moving import NAME, moving_batch
from kexport.verify.record import plan_batches
from kexport.verify.silence import are_ends
from tests import toy

X = TensorType(DType.F32, (symbol("batch"), 3))
MEAN = np.float32([[200, -40, 7]])
DEVIATION = np.float32([[25, 8, 0.1]])


def normalized(kind: str) -> Graph:
    graph = Graph()
    x = graph.input("x", X)
    if kind == "batch_norm":
        ones = graph.constant(np.ones(3, np.float32))
        zeros = graph.constant(np.zeros(3, np.float32))
        rest = (graph.constant(MEAN[0]), graph.constant(DEVIATION[0] ** 2))
        y = graph.add(BatchNorm(epsilon=0.0), x, ones, zeros, *rest).output
    else:
        y = graph.add(Sub(), x, graph.constant(MEAN)).output
        scale = graph.constant(DEVIATION if kind == "div" else 1 / DEVIATION)
        y = graph.add(Div() if kind == "div" else Mul(), y, scale).output
    graph.output("y", y)
    return graph


def test_inputs_have_the_statistics_that_the_model_was_adapted_to() -> None:
    from kexport.ir.contract import Contract, Port

    contract = Contract((Port("x", X),), (Port("y", X),))
    for kind in ("div", "mul", "batch_norm"):
        found = input_ranges(normalized(kind))["x"]
        assert found.kind == "measured"
        np.testing.assert_allclose(found.mean, MEAN[0])
        np.testing.assert_allclose(found.deviation, DEVIATION[0], rtol=1e-6)
        x = make_batch(contract, {"batch": 500}, 0, {"x": found}).inputs["x"]
        np.testing.assert_allclose(x.mean(0), MEAN[0], atol=5)
        np.testing.assert_allclose(x.std(0), DEVIATION[0], rtol=0.2)


def test_standard_statistics_are_the_usual_range() -> None:
    graph = Graph()
    x = graph.input("x", X)
    y = graph.add(Sub(), x, graph.constant(np.float32([[0.1, 0, 0]]))).output
    graph.output("y", graph.add(Div(), y, graph.constant(np.float32([[1, 1.2, 0.9]]))).output)
    assert input_ranges(graph)["x"].kind == "normal"


def steep(factor: float, bias: float = 0.0) -> Graph:
    graph = Graph()
    x = graph.input("x", toy.X)
    w = np.full((toy.FEATURES, 2), factor, np.float32)
    y = graph.add(Dense(), x, graph.constant(w), graph.constant(np.full(2, bias, np.float32))).output
    graph.output("y", graph.add(Sigmoid(), y).output)
    return graph


def test_inputs_are_made_smaller_until_a_sigmoid_tells_them_apart() -> None:
    graph = steep(1000)
    batches = make_batches(toy.CONTRACT)
    found = moving_batch(graph, batches)
    assert found is not None
    assert (found.name, found.kind) == (NAME, "random")
    from kexport.ir.evaluator import evaluate

    assert are_ends(evaluate(graph, batches[0].inputs)["y"]).all()
    assert not are_ends(evaluate(graph, found.inputs)["y"]).all()


def test_no_batch_is_added_where_outputs_move_or_none_helps() -> None:
    batches = make_batches(toy.CONTRACT)
    assert moving_batch(steep(0.1), batches) is None
    assert moving_batch(steep(0.0, 90), batches) is None
    dead = Graph()
    dead.output(
        "y", dead.add(Relu(), dead.add(Sub(), dead.input("x", toy.X), dead.constant(np.float32(1e9))).output).output
    )
    assert moving_batch(dead, batches) is None


def test_a_batch_size_is_drawn_by_the_model() -> None:
    plan = choose_sizes(toy.CONTRACT)
    sizes = {drawn(plan, toy.CONTRACT, i, lambda one: 10**6)["batch"] for i in range(500)}  # type: ignore[index]
    assert (min(sizes), max(sizes), len(sizes)) == (*DRAWN, DRAWN[1] - DRAWN[0] + 1)
    assert drawn(plan, toy.CONTRACT, 7, lambda one: 3) is None
    assert drawn(plan, toy.CONTRACT, 7, lambda one: 5) == {"batch": 5}


def test_the_drawn_batch_is_planned_with_the_others() -> None:
    graph = toy.graph()
    (first, _), (second, _) = (plan_batches(toy.CONTRACT, graph, draw=n) for n in (11, 12))
    assert [b.name for b in first][-2:] == ["extreme", "drawn"]
    assert second[-1].sizes["batch"] == first[-1].sizes["batch"] + 1
    assert "drawn" not in [b.name for b in plan_batches(toy.CONTRACT, graph)[0]]
    assert "drawn" not in [b.name for b in plan_batches(toy.CONTRACT, graph, hints={"batch": 2}, draw=1)[0]]
