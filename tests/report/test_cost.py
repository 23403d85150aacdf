"""Multiply-adds against counts by hand."""

from __future__ import annotations

import numpy as np
import pytest

from kexport.ir.graph import Graph
from kexport.ir.op import Op
from kexport.ir.types import TensorType
from kexport.ops.activation import Relu
from kexport.ops.conv import Conv, ConvTranspose, DepthwiseConv
from kexport.ops.matmul import Dense, MatMul
from kexport.ops.recurrent import SimpleRnn
from kexport.report.cost import FALLBACK, default_sizes, multiply_adds

IMAGE = "f32[batch,8,6,4]"
CASES: list[tuple[Op, str, list[tuple[int, ...]], int]] = [
    (Conv((1, 1), "same", (1, 1)), IMAGE, [(3, 3, 4, 5)], 8 * 6 * 5 * 3 * 3 * 4),
    (Conv((2, 2), "same", (1, 1), groups=2), IMAGE, [(3, 3, 2, 6)], 4 * 3 * 6 * 3 * 3 * 2),
    (DepthwiseConv((1, 1), "same", (1, 1)), IMAGE, [(3, 3, 4, 2)], 8 * 6 * 8 * 3 * 3),
    (ConvTranspose((2, 2), "same", None, (1, 1)), IMAGE, [(3, 3, 5, 4)], 8 * 6 * 4 * 3 * 3 * 5),
    (Dense(), "f32[batch,7,4]", [(4, 9)], 7 * 4 * 9),
    (MatMul(), "f32[batch,7,4]", [(4, 9)], 7 * 4 * 9),
    (MatMul(transpose_a=True), "f32[batch,4,7]", [(4, 9)], 7 * 4 * 9),
    (MatMul(transpose_b=True), "f32[batch,7,4]", [(9, 4)], 7 * 4 * 9),
    (SimpleRnn(), "f32[batch,length,3]", [(1, 5), (3, 5), (5, 5), (5,)], 6 * (3 * 5 + 5 * 5)),
    (Relu(), IMAGE, [], 0),
]


@pytest.mark.parametrize(("op", "type", "weights", "count"), CASES, ids=lambda x: getattr(x, "name", None))
def test_counts(op: Op, type: str, weights: list[tuple[int, ...]], count: int) -> None:
    graph = Graph("g")
    x = graph.input("x", TensorType.parse(type))
    state = isinstance(op, SimpleRnn)
    first = [graph.input("h", TensorType.parse("f32[batch,5]"))] if state else []
    constants = [graph.constant(np.zeros(shape, np.float32)) for shape in weights[state:]]
    node = graph.add(op, x, *first, *constants)
    assert multiply_adds(node, {"batch": 1, "length": 6}) == count
    assert multiply_adds(node, {"batch": 3, "length": 6}) == 3 * count


def test_a_size_that_is_not_known() -> None:
    graph = Graph("g")
    node = graph.add(Dense(), graph.input("x", TensorType.parse("f32[batch,4]")), graph.constant(np.zeros((4, 2), "f")))
    assert multiply_adds(node, {}) is None


def test_sizes() -> None:
    graph = Graph("g")
    graph.input("x", TensorType.parse("f32[batch,length,width]"))
    assert default_sizes(graph, {"batch": 64, "length": 7}) == {"batch": 1, "length": 7, "width": FALLBACK}
