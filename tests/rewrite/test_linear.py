"""Weights that take in scales and shifts: a part at a time, and untouched where nothing changes."""

from __future__ import annotations

import numpy as np
import pytest

from kexport import ops
from kexport.ir.graph import Graph, Node
from kexport.ir.op import Op
from kexport.ir.parser import parse_graph
from kexport.ir.types import TensorType
from kexport.passes.pipeline import OPTIMIZE, run_passes
from kexport.rewrite import linear


def node_of(op: Op, x: str, kernel: tuple[int, ...]) -> Node:
    graph = Graph()
    data = np.random.default_rng(0).standard_normal(kernel).astype(np.float32)
    return graph.add(op, graph.input("x", TensorType.parse(x)), graph.constant(data, "kernel"))


NODES = {
    "dense": node_of(ops.Dense(), "f32[n,6]", (6, 4)),
    "conv": node_of(ops.Conv((1, 1), "same", (1, 1), groups=2), "f32[n,8,8,4]", (3, 5, 2, 6)),
    "depthwise": node_of(ops.DepthwiseConv((1,), "same", (1,)), "f32[n,8,4]", (5, 4, 3)),
}


@pytest.mark.parametrize("name", NODES)
@pytest.mark.parametrize("part", [1, 7, 1 << 20])
def test_kernels_are_scaled_a_part_at_a_time(name: str, part: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(linear, "_PART", part)
    node = NODES[name]
    kernel = np.asarray(node.inputs[1].data)
    factor = linear.in_factors(node, np.arange(1.0, 1 + node.inputs[0].type.shape[-1]))  # type: ignore[operator]
    product = kernel.astype(np.float64) * factor
    result = linear.scaled(node, factor)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, product.astype(np.float32))
    filters = node.output.type.shape[-1]
    answer = linear.response(node, factor)
    kept = kernel.ndim - (2 if name == "depthwise" else 1)
    np.testing.assert_allclose(answer, product.sum(axis=tuple(range(kept))).reshape(-1), rtol=1e-12)
    assert answer.shape == (filters,)


def test_a_new_bias_leaves_the_kernel_as_it_is():
    graph = parse_graph(
        """graph "g" (%x: f32[n,2]) { %w: f32[2,3] = const random(0) %b: f32[3] = const [1.0, 2.0, 3.0]
        %y = mat_mul(%x, %w) %z = add(%y, %b) return "z": %z }"""
    )
    kernel = graph.constants[0].data
    run_passes(graph, OPTIMIZE)
    (node,) = graph.nodes
    assert [v.name for v in node.inputs] == ["x", "w", ""]
    assert node.inputs[1].data is kernel


def test_an_overflow_is_a_reason_to_leave_it():
    node = node_of(ops.Dense(), "f32[n,6]", (6, 4))
    assert node.graph is not None
    rewriter = linear.Rewriter(node.graph, node)
    result = linear.with_weights(node, rewriter, node.inputs[0], linear.scaled(node, np.float64(1e300)), None)
    assert result == linear.Skip("the weights would overflow")
