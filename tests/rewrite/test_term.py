"""Arithmetic written as arithmetic."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from kexport import ops
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph
from kexport.ir.types import DType, TensorType
from kexport.rewrite import Rewriter
from kexport.rewrite.term import Term

EXPRESSIONS: dict[str, tuple[Callable[[Term], Term], Callable[[np.ndarray], np.ndarray]]] = {
    "arithmetic": (lambda x: (x + 1) * 2 - x / 4, lambda x: (x + 1) * 2 - x / 4),
    "numbers on the left": (lambda x: 1 + (2 * (3 - (4 / x))), lambda x: 1 + (2 * (3 - (4 / x)))),
    "signs": (lambda x: -abs(x), lambda x: -np.abs(x)),
    "limits": (lambda x: x.max(-1.0).min(1.0), lambda x: np.clip(x, -1, 1)),
    "choice": (lambda x: (x < 0).select(x.lift(0), x * x), lambda x: np.where(x < 0, 0, x * x)),
    "order": (lambda x: (x > 0.5).cast(DType.F32), lambda x: (x > 0.5).astype(np.float32)),
    "ops": (lambda x: x.of(ops.Exp()).of(ops.Pow(), x), lambda x: np.exp(x) ** x),
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_expression(name: str):
    write, compute = EXPRESSIONS[name]
    graph = Graph()
    x = graph.input("x", TensorType.parse("f32[n]"))
    end = graph.add(ops.Neg(), x, origin="layer")
    result = write(Term(Rewriter(graph, end), x))
    graph.output("y", result.value)
    data = np.array([-2, -0.75, 0.5, 3], np.float32)
    np.testing.assert_allclose(evaluate(graph, {"x": data})["y"], compute(data), rtol=1e-6)
    assert {n.origin for n in graph.nodes} == {"layer"}
    assert result.type == x.type


def test_numbers_take_the_element_type():
    graph = Graph()
    x = graph.input("x", TensorType.parse("f16[n]"))
    y = Term(Rewriter(graph, graph.add(ops.Neg(), x)), x) + 0.1
    assert y.type.dtype is DType.F16
    assert y.cast(DType.F16) is y
