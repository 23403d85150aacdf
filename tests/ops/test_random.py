"""Ops that draw random numbers: their distribution, and that they are the same whenever a graph is evaluated."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kexport import ops
from kexport.errors import GraphError
from kexport.ir.dim import symbol
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph
from kexport.ir.op import infer
from kexport.ir.types import DType, TensorType
from kexport.passes.pipeline import OPTIMIZE, run_passes

COUNT = 40_000
MOMENTS = {ops.RandomNormal: (0, 1, 0, 3), ops.RandomUniform: (1 / 2, 1 / 12, 0, 9 / 5)}
"""Mean, variance, skewness and kurtosis."""


@pytest.mark.parametrize("op", MOMENTS)
def test_the_distribution(op: Any) -> None:
    drawn = op((200, COUNT // 200), 3).evaluate()
    assert (drawn.shape, drawn.dtype) == ((200, COUNT // 200), np.float32)
    mean, variance, *rest = MOMENTS[op]
    x = drawn.astype(np.float64)
    centred = (x - mean) / np.sqrt(variance)
    found = (x.mean(), x.var(), (centred**3).mean(), (centred**4).mean())
    np.testing.assert_allclose(found, (mean, variance, *rest), atol=0.1)
    assert op is ops.RandomNormal or (drawn.min() >= 0 and drawn.max() < 1)


@pytest.mark.parametrize("op", MOMENTS)
def test_each_draw_has_numbers_of_its_own(op: Any) -> None:
    assert np.array_equal(op((9,), 0).evaluate(), op((9,), 0).evaluate())
    assert not np.array_equal(op((9,), 0).evaluate(), op((9,), 1).evaluate())


def test_a_scalar_is_refused() -> None:
    with pytest.raises(GraphError, match="a draw has at least one axis"):
        infer(ops.RandomNormal((), 0), ())


def test_draws_are_neither_merged_nor_folded() -> None:
    n = symbol("n")
    graph = Graph("g")
    x = graph.input("x", TensorType(DType.F32, (n,)))
    for shape in ((4,), (n,)):
        a, b = (graph.add(ops.RandomUniform(shape, 2 * len(graph.outputs) + i)).output for i in range(2))
        graph.output(f"y{len(graph.outputs)}", graph.add(ops.Sub(), a, b).output)
    graph.output("z", graph.add(ops.Neg(), x).output)
    before = evaluate(graph, {"x": np.zeros(3, np.float32)})
    run_passes(graph, OPTIMIZE)
    assert [node.op.name for node in graph.nodes].count("random_uniform") == 4
    after = evaluate(graph, {"x": np.zeros(3, np.float32)})
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert np.all(after["y0"] != 0)
