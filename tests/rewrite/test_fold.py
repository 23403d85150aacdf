"""Folding what is known: constants, and sizes that depend on the input."""

from __future__ import annotations

import numpy as np
import pytest

from kexport import ops
from kexport.errors import GraphError
from kexport.ir.dim import symbol
from kexport.ir.graph import Graph
from kexport.ir.types import DType, TensorType
from kexport.rewrite.fold import MAX_GROWTH, build, dims_of, emit_sizes, symbolic

N = symbol("n")
T = symbol("t")


def graph_with_sizes() -> tuple[Graph, list]:
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (N, T)))
    return graph, [x, graph.add(ops.Dims((N, T, 3), DType.I32)).output]


def test_ops_on_constants_become_constants():
    graph = Graph()
    (total,) = build(graph, ops.Add(), graph.constant(np.float32([1, 2])), graph.constant(np.float32(3)))
    np.testing.assert_array_equal(total.data, np.float32([4, 5]))
    assert total.type == TensorType.parse("f32[2]")
    assert list(graph.nodes) == []


def test_results_that_would_bloat_the_model_stay_ops():
    graph = Graph()
    one = graph.constant(np.float32([1]))
    (small,) = build(graph, ops.BroadcastTo((MAX_GROWTH // 4,)), one)
    (large,) = build(graph, ops.BroadcastTo((MAX_GROWTH // 2,)), one)
    assert small.is_constant
    assert not large.is_constant


def test_ops_that_depend_on_the_input_stay_ops():
    graph, (x, _) = graph_with_sizes()
    (y,) = build(graph, ops.Neg(), x, origin="layer")
    (full,) = build(graph, ops.Full((N,), 0.0, DType.F32))
    assert [n.output for n in graph.nodes][-2:] == [y, full]
    assert y.producer is not None
    assert y.producer.origin == "layer"


def test_sizes_are_calculated():
    graph, (_, sizes) = graph_with_sizes()
    (rest,) = build(graph, ops.Slice((1,), (3,), (1,)), sizes)
    (product,) = build(graph, ops.ReduceProd((0,)), rest)
    (half,) = build(graph, ops.FloorDiv(), product, graph.constant(np.int32(2)))
    assert dims_of(rest) == (T, 3)
    assert dims_of(product) == (3 * T,)
    assert product.type == TensorType.parse("i32[]")
    assert list(map(str, dims_of(half) or ())) == ["(t)//2+t"]


def test_sizes_that_come_out_fixed_are_constants():
    graph, (_, sizes) = graph_with_sizes()
    (rest,) = build(graph, ops.Mod(), sizes, sizes)
    np.testing.assert_array_equal(rest.data, [0, 0, 0])


def test_questions_without_an_answer_stay_ops():
    graph, (_, sizes) = graph_with_sizes()
    (y,) = build(graph, ops.Greater(), sizes, graph.constant(np.int32([2, 2, 2])))
    assert y.producer is not None
    assert y.producer.op == ops.Greater()
    (z,) = build(graph, ops.Cast(DType.F32), sizes)
    assert z.producer is not None
    assert dims_of(z) is None


def test_only_small_tensors_of_integers_are_sizes():
    graph = Graph()
    assert dims_of(graph.constant(np.arange(3))) == (0, 1, 2)
    assert dims_of(graph.constant(np.int64(7))) == (7,)
    assert dims_of(graph.constant(np.zeros((2, 2), np.int32))) is None
    assert symbolic(graph.constant(np.zeros((2, 2), np.int32))) is not None
    assert symbolic(graph.constant(np.zeros(65, np.int32))) is None
    assert symbolic(graph.constant(np.zeros(3, np.float32))) is None
    assert symbolic(graph.input("x", TensorType.parse("i32[2]"))) is None


def test_sizes_of_another_rank_are_reshaped():
    graph = Graph()
    sizes = np.array([[N, 1], [2, N * 2]], object)
    value = emit_sizes(graph, sizes, TensorType.parse("i64[2,2]"), "layer")
    assert [n.op.name for n in graph.nodes] == ["dims", "reshape"]
    assert {n.origin for n in graph.nodes} == {"layer"}
    np.testing.assert_array_equal(symbolic(value), sizes)


def test_operands_that_do_not_fit_are_named():
    graph, (x, sizes) = graph_with_sizes()
    with pytest.raises(GraphError, match=r"layer: add\(f32\[n,t\], i32\[3\]\): needs one element type"):
        build(graph, ops.Add(), x, sizes, origin="layer")
