"""Quantized weights stay integers through the passes, and mean the same."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from kexport import ops
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph, Value
from kexport.ir.op import Array
from kexport.ir.types import DType, TensorType
from kexport.passes.narrow_integers import four_bits
from kexport.passes.pipeline import OPTIMIZE, run_passes
from kexport.rewrite import RulePass
from kexport.rewrite.narrow import run_length

ROWS = 32
COLUMNS = 24
F32 = DType.F32


def integers(low: int = -100, high: int = 100, dtype: type = np.int8) -> Array:
    return np.random.default_rng(1).integers(low, high, (ROWS, COLUMNS)).astype(dtype)


def scales(groups: int, dtype: type = np.float32) -> Array:
    return (np.random.default_rng(2).random((groups, COLUMNS)) * 4 + 1).astype(dtype)


def optimized(make: Callable[[Graph, Value], Value]) -> tuple[Graph, Graph]:
    """A graph of x[3, ROWS], and what the passes make of it."""
    graph = Graph("g")
    graph.output("y", make(graph, graph.input("x", TensorType(F32, (3, ROWS)))))
    after = graph.copy()
    run_passes(after, OPTIMIZE, verify=True)
    return graph, after


def agree(before: Graph, after: Graph) -> None:
    x = np.random.default_rng(0).standard_normal((3, ROWS)).astype(np.float32)
    want, got = (evaluate(g, {"x": x})["y"] for g in (before, after))
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-4)


def constants(graph: Graph) -> list[TensorType]:
    """The types of the large constants."""
    found = {id(v): v for n in graph.nodes for v in n.inputs if v.data is not None and v.data.size > COLUMNS}
    return sorted((v.type for v in found.values()), key=str)


def names(graph: Graph) -> list[str]:
    return [n.op.name for n in graph.nodes]


def test_a_cast_of_integers_is_not_folded_and_makes_a_dense_layer() -> None:
    def make(g: Graph, x: Value) -> Value:
        return g.add(ops.MatMul(), x, g.add(ops.Cast(F32), g.constant(integers())).output).output

    before, after = optimized(make)
    assert names(after) == ["cast", "dense"]
    assert constants(after) == [TensorType(DType.I8, (ROWS, COLUMNS))]
    agree(before, after)


@pytest.mark.parametrize("small", [np.arange(12, dtype=np.int8).reshape(ROWS // 32, 12), integers(dtype=np.int32)])
def test_a_small_constant_and_wide_integers_are_folded(small: Array) -> None:
    graph = Graph("g")
    x = graph.input("x", TensorType(F32, small.shape))
    graph.output("y", graph.add(ops.Add(), x, graph.add(ops.Cast(F32), graph.constant(small)).output).output)
    run_passes(graph, OPTIMIZE)
    assert names(graph) == ["add"]


def test_a_transpose_of_integers_is_done_beforehand() -> None:
    def make(g: Graph, x: Value) -> Value:
        w = g.add(ops.Cast(F32), g.constant(np.ascontiguousarray(integers().T))).output
        return g.add(ops.MatMul(), x, g.add(ops.Transpose((1, 0)), w).output).output

    before, after = optimized(make)
    assert names(after) in (["cast", "dense"], ["cast", "mat_mul"])
    assert [t.dtype for t in constants(after)] == [DType.I8]
    agree(before, after)


@pytest.mark.parametrize(("axis", "length"), [(0, 8), (1, 8), (0, 12), (1, 12)])
def test_scales_of_blocks_are_stored_once_a_block(axis: int, length: int) -> None:
    groups = -(-ROWS // length)
    zero = np.int8

    def make(g: Graph, x: Value) -> Value:
        data = integers()
        few = scales(groups)
        zeros = scales(groups, zero)
        if axis:
            data, few, zeros = (np.ascontiguousarray(a.T) for a in (data, few, zeros))
        places = g.constant(np.arange(ROWS, dtype=np.int32) // length)
        weights = g.add(ops.Cast(F32), g.constant(data)).output
        shift = g.add(ops.Cast(F32), g.add(ops.Gather(axis), g.constant(zeros), places).output).output
        weights = g.add(ops.Sub(), weights, shift).output
        weights = g.add(ops.Mul(), weights, g.add(ops.Gather(axis), g.constant(few), places).output).output
        weights = g.add(ops.Transpose((1, 0)), weights).output if axis else weights
        return g.add(ops.MatMul(), x, weights).output

    before, after = optimized(make)
    assert ("gather" in names(after)) == (ROWS % length != 0)
    sizes = {str(t.dtype): t.numel for t in constants(after) if t.dtype is not DType.I32}
    assert sizes == {"i8": ROWS * COLUMNS, "f32": groups * COLUMNS}
    agree(before, after)


@pytest.mark.parametrize(
    ("indices", "length"),
    [([0, 0, 1, 1, 2, 2], 2), ([0, 1, 2], 1), ([0, 0, 1], 0), ([1, 1, 0, 0], 0), ([0, 0, 0], 3), ([], 0)],
)
def test_run_length(indices: list[int], length: int) -> None:
    assert run_length(np.array(indices, np.int64)) == length


@pytest.mark.parametrize(
    ("low", "high", "dtype", "wanted"),
    [(-8, 8, np.int8, DType.I4), (-9, 8, np.int8, DType.I8), (0, 16, np.uint8, DType.U4), (0, 17, np.uint8, DType.U8)],
)
def test_what_fits_into_4_bits_is_stored_so(low: int, high: int, dtype: type, wanted: DType) -> None:
    data = integers(low, high, dtype)
    data[0, :2] = low, high - 1

    def make(g: Graph, x: Value) -> Value:
        return g.add(ops.MatMul(), x, g.add(ops.Cast(F32), g.constant(data)).output).output

    before, after = optimized(make)
    RulePass("four_bits", (four_bits,)).run(after)
    assert [t.dtype for t in constants(after)] == [wanted]
    agree(before, after)
