"""The questions that rules ask."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from kexport import ops
from kexport.ir.graph import Graph
from kexport.ir.parser import parse_graph
from kexport.ir.types import DType, TensorType
from kexport.rewrite.bounds import nonnegative
from kexport.rewrite.factors import factors, plus
from kexport.rewrite.match import axes_of, fits, is_close, is_constant, is_single, made_by, uniform, vector

GRAPH = Graph()


@pytest.mark.parametrize(
    ("data", "number"),
    [
        (np.float32(0.5), 0.5),
        (np.full((2, 3), 7, np.int8), 7),
        (np.array([True, True]), 1),
        (np.array([1.0, 2.0]), None),
        (np.zeros((0, 2), np.float32), None),
        (np.array([np.nan, np.nan]), None),
        (np.array([2**60]), None),
        (np.ones((2,), ml_dtypes.bfloat16), None),
        (np.array([1j, 1j], np.complex64), None),
        (np.array(["a"], object), None),
        (np.zeros(1 << 17, np.float32), None),
    ],
)
def test_uniform(data: np.ndarray, number: float | None):
    if data.dtype == ml_dtypes.bfloat16:
        number = 1.0
    assert uniform(GRAPH.constant(data)) == number


def test_full_is_uniform_and_constant():
    graph = Graph()
    full = graph.add(ops.Full((2,), 0.5, DType.F32)).output
    assert uniform(full) == 0.5
    assert is_constant(full)
    assert not is_constant(graph.input("x", full.type))


@pytest.mark.parametrize(
    ("shape", "rank", "size", "found"),
    [
        ((), 3, 4, 4),
        ((4,), 3, 4, 4),
        ((1, 1, 4), 3, 4, 4),
        ((1,), 2, 4, 4),
        ((4, 1), 3, 4, None),
        ((1, 1, 4), 2, 4, None),
        ((3,), 2, 4, None),
    ],
)
def test_vector(shape: tuple[int, ...], rank: int, size: int, found: int | None):
    result = vector(GRAPH.constant(np.ones(shape, np.float32)), rank, size)
    assert (None if result is None else result.shape) == (None if found is None else (found,))
    assert result is None or result.dtype == np.float64


def test_fits_asks_for_the_same_types():
    graph = parse_graph('graph "g" (%x: f32[n,2], %y: f32[2,2]) { %a = neg(%x) return "a": %a }')
    (node,) = graph.nodes
    x, y = graph.inputs
    assert fits(node, ops.Exp(), x)
    assert fits(node, ops.MatMul(), x, y)
    assert not fits(node, ops.Exp(), y)
    assert not fits(node, ops.Add(), x, y)
    assert made_by(node.output, ops.Exp, ops.Neg) is node
    assert made_by(x, ops.Neg) is None


def test_axes_are_counted_from_the_front():
    graph = Graph()
    x = graph.input("x", TensorType.parse("f32[2,3,4]"))
    assert axes_of(graph.add(ops.ReduceSum((-1, 0)), x)) == (2, 0)
    assert axes_of(graph.add(ops.Softmax(-2), x)) == (1,)


def test_numbers_are_close_by_the_precision_of_their_type():
    assert is_close(1 / 6 * (1 + 1e-7), 1 / 6, DType.F32)
    assert not is_close(1 / 6 * (1 + 1e-5), 1 / 6, DType.F32)
    assert is_close(float(np.float16(1 / 6)), 1 / 6, DType.F16)
    assert not is_close(float(np.float32(1 / 6)), 1 / 6, DType.F64)
    assert not is_close(None, 1, DType.F32)


NONNEGATIVE = {
    "relu(%x)": True, "neg(%x)": False, "clip(%x) {low=0.0, high=none}": True, "clip(%x) {low=-1.0, high=none}": False,
    "clip(%x) {low=none, high=1.0}": False, "dense(%x, %w) {activation=\"relu6\"}": True, "dense(%x, %w)": False,
    "pad(%r) {pads=[[0, 0], [0, 1]], value=-1.0}": False, "pad(%r) {pads=[[0, 0], [0, 1]]}": True,
    "pad(%x) {pads=[[0, 0], [0, 1]]}": False, "concat(%r, %x) {axis=0}": False, "concat(%r, %r) {axis=0}": True,
    "maximum(%x, %r)": True, "minimum(%x, %r)": False, "add(%r, %w)": True, "sub(%r, %w)": False, "square(%x)": True,
    "max_pool(%i) {window=[2], strides=[2], padding=\"same\"}": True, "reduce_mean(%r) {axes=[0]}": True,
    "gather(%r, %k) {axis=0}": True, "reshape(%r) {shape=[2, 2, 1]}": True, "tanh(%r)": True, "tanh(%x)": False,
}  # fmt: skip


@pytest.mark.parametrize("expression", NONNEGATIVE)
def test_nonnegative(expression: str):
    graph = parse_graph(
        f"""graph "g" (%x: f32[2,2]) {{
          %w: f32[2,2] = const [[1.0, 0.0], [2.0, 3.0]]
          %k: i32[] = const 0
          %r = relu(%x) %i = reshape(%r) {{shape=[1, 2, 2]}} %y = {expression}
          return "y": %y
        }}"""
    )
    assert nonnegative(graph.outputs[0].value) == NONNEGATIVE[expression]


def test_factors_are_gathered_through_single_uses():
    graph = parse_graph(
        """graph "g" (%x: f32[2], %y: f32[2]) {
          %half: f32[] = const 0.5
          %six: f32[] = const 6.0
          %a = mul(%x, %half) %b = div(%y, %six) %c = neg(%b) %d = square(%a) %e = mul(%d, %c)
          %f = exp(%e) %g = mul(%e, %f)
          return "g": %g
        }"""
    )
    x, y = graph.inputs
    values = {n.output.name: n.output for n in graph.nodes}
    number, found = factors(values["e"])
    assert number == -0.5 * 0.5 / 6
    assert sorted(v.name for v in found) == ["x", "x", "y"]
    assert factors(values["e"]).are(x, y, x)
    assert not factors(values["e"]).are(x, y)
    assert factors(values["g"]).without(values["e"]) == [values["f"]]  # e is read twice
    assert factors(values["g"]).without(x) is None
    assert is_single(values["a"])
    assert not is_single(values["e"])
    assert not is_single(values["g"])


def test_sums_with_a_number():
    graph = parse_graph(
        """graph "g" (%x: f32[2]) { %c: f32[1] = const [3.0]
        %a = add(%x, %c) %b = add(%c, %x) %d = sub(%x, %c) %e = sub(%c, %x) %f = add(%x, %x)
        return "a": %a, "b": %b, "d": %d, "e": %e, "f": %f }"""
    )
    (x,) = graph.inputs
    assert [plus(o.value) for o in graph.outputs] == [(x, 3, 1), (x, 3, 1), (x, -3, 1), (x, 3, -1), None]
    assert plus(x) is None
    assert plus(None) is None
