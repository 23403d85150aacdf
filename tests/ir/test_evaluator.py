"""Running a graph in numpy: precision, sizes of symbols, memory, and errors."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
import pytest

from kexport import ops
from kexport.errors import GraphError
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph
from kexport.ir.op import OPS, Array, Op
from kexport.ir.parser import parse_graph
from kexport.ir.types import DType, TensorType


def run(body: str, **inputs: Any) -> Array:
    (result,) = evaluate(parse_graph(body), inputs).values()
    return result


def test_float32_stays_float32_and_wide_is_float64():
    graph = parse_graph(
        """graph "g" (%x: f32[2]) { %c: f32[] = const 0.1
        %h = cast(%x) {dtype=f16} %f = cast(%h) {dtype=f32} %y = add(%f, %c)
        %i = cast(%x) {dtype=i32} return "y": %y, "i": %i }"""
    )
    x = np.array([1.0009765625 / 3, 2.5], np.float32)
    narrow = evaluate(graph, {"x": x})
    wide = evaluate(graph, {"x": x}, wide=True)
    assert narrow["y"].dtype == np.float32
    np.testing.assert_array_equal(narrow["y"], x.astype(np.float16).astype(np.float32) + np.float32(0.1))
    assert wide["y"].dtype == np.float64
    np.testing.assert_array_equal(wide["y"], x.astype(np.float64) + np.float64(np.float32(0.1)))
    assert wide["i"].dtype == np.int32


def test_inputs_take_the_declared_precision():
    graph = parse_graph('graph "g" (%x: f32[1]) { %y = neg(%x) return "y": %y }')
    x = np.array([0.1])
    assert evaluate(graph, {"x": x})["y"][0] == -np.float32(0.1)
    assert evaluate(graph, {"x": x}, wide=True)["y"][0] == -0.1


@pytest.mark.parametrize("n", [1, 4])
def test_symbols_take_their_sizes_from_the_inputs(n: int):
    body = """graph "g" (%x: f32[n,2]) {
      %flat = reshape(%x) {shape=[2*n]}
      %size = dims() {dims=[n, 2*n+1], dtype=i64}
      return "flat": %flat, "size": %size }"""
    results = evaluate(parse_graph(body), {"x": np.zeros((n, 2), np.float32)})
    assert results["flat"].shape == (2 * n,)
    np.testing.assert_array_equal(results["size"], [n, 2 * n + 1])


def test_outputs_may_be_inputs_constants_and_repeated():
    graph = parse_graph(
        """graph "g" (%x: f32[2]) { %c: i32[] = const 7 %y = neg(%x)
        return "x": %x, "c": %c, "y": %y, "again": %y }"""
    )
    results = evaluate(graph, {"x": np.ones(2, np.float32)})
    assert list(results) == ["x", "c", "y", "again"]
    assert results["c"] == 7
    np.testing.assert_array_equal(results["again"], results["y"])


class Positive(Op, abstract=True):
    """The positive elements: their number is known when run."""

    def infer(self, x: TensorType) -> TensorType:
        return TensorType.parse("f32[found]")

    def evaluate(self, x: Array) -> Array:
        return x[x > 0]


def test_sizes_that_depend_on_data():
    graph = Graph()
    found = graph.add(Positive(), graph.input("x", TensorType.parse("f32[n]"))).output
    shape = found.type.shape[0]
    graph.output("y", graph.add(ops.BroadcastTo((2, shape)), found).output)
    graph.output("size", graph.add(ops.Dims((shape,), DType.I32)).output)
    results = evaluate(graph, {"x": np.array([1, -1, 3, 0], np.float32)})
    np.testing.assert_array_equal(results["y"], [[1, 3], [1, 3]])
    np.testing.assert_array_equal(results["size"], [2])


def test_intermediates_are_freed_once_they_are_read():
    graph = parse_graph(
        """graph "g" (%x: f32[8]) { %a = neg(%x) %b = exp(%a) %c = tanh(%b) %d = add(%c, %a)
        %unused = neg(%d) return "d": %d }"""
    )
    refs: list[weakref.ref[Array]] = []
    alive: list[int] = []

    def observe(node: Any, results: Any) -> None:
        refs.extend(weakref.ref(r) for r in results)
        alive.append(sum(r() is not None for r in refs))

    evaluate(graph, {"x": np.zeros(8, np.float32)}, observe=observe)
    assert alive == [1, 2, 3, 3, 2]  # a waits for d; b is gone after c; at the end d and the result just made


def test_observe_sees_every_node_in_order():
    graph = parse_graph(
        'graph "g" (%x: f32[4]) { %a, %b = split(%x) {axis=0, sizes=[1, 3]} %c = neg(%a) return "c": %c }'
    )
    seen: list[tuple[str, list[tuple[int, ...]]]] = []
    evaluate(graph, {"x": np.zeros(4, np.float32)}, observe=lambda n, r: seen.append((n.op.name, [a.shape for a in r])))
    assert seen == [("split", [(1,), (3,)]), ("neg", [(1,)])]


def test_bodies_run_with_the_sizes_around_them():
    body = parse_graph(
        """graph "body" (%a: f32[n]) { %h: f32[] = const 2.0 %b = mul(%a, %h) %c = broadcast_to(%b) {shape=[n]}
        return "c": %c }"""
    )
    graph = Graph()
    x = graph.input("x", TensorType.parse("f32[n]"))
    graph.output("y", graph.add(OPS["repeat"](body, 3), x).output)  # type: ignore[call-arg]
    np.testing.assert_array_equal(evaluate(graph, {"x": np.ones(4, np.float32)})["y"], np.full(4, 8))
    assert evaluate(graph, {"x": np.ones(4, np.float32)}, wide=True)["y"].dtype == np.float64


class Wrong(Op, abstract=True):
    """Computes something else than it infers."""

    def infer(self, x: TensorType) -> TensorType:
        return x

    def evaluate(self, x: Array) -> Any:
        return x[1:] if x.shape[0] > 2 else (x, x)


def test_an_op_whose_result_is_not_what_it_infers():
    graph = Graph()
    node = graph.add(Wrong(), graph.input("x", TensorType.parse("f32[n]")), origin="bad")
    graph.output("y", node.output)
    with pytest.raises(
        GraphError, match=r"bad: wrong has a result f32\[n\], computed .* \[2\] where \[3\] is expected"
    ):
        evaluate(graph, {"x": np.ones(3, np.float32)})
    with pytest.raises(GraphError, match="bad: wrong has 1 results, computed are 2"):
        evaluate(graph, {"x": np.ones(2, np.float32)})


ERRORS = {
    "missing": ({"x": np.zeros((2, 3), np.float32)}, "g: no array for input 'i', 'j'"),
    "rank": ({"x": np.zeros(3, np.float32)}, "input 'x' is f32[n,3], got an array of shape [3]"),
    "size": ({"x": np.zeros((2, 4), np.float32)}, "input 'x' is f32[n,3], got an array of shape [2, 4]"),
    "disagree": ({"x": np.zeros((3, 3), np.float32)}, "input 'i' is i32[n], got an array of shape [2]"),
    "dtype": ({"x": np.zeros((2, 3), np.int32)}, "input 'x' is f32[n,3], got an array of i32"),
    "index": ({"i": np.array([0, 3], np.int32)}, "enc/pick: indices from 0 to 3 do not fit into an axis of size 3"),
    "value": ({"j": np.array([-1], np.int32)}, "enc/shift: custom cannot be computed: negative"),
}
PICK = """graph "g" (%x: f32[n,3], %i: i32[n], %j: i32[1]) { %y = gather(%x, %i) {axis=1} @"enc/pick"
  %z = custom(%j) @"enc/shift" return "y": %y, "z": %z }"""


class Custom(Op, abstract=True):
    """Raises an error of numpy's kind."""

    def infer(self, x: TensorType) -> TensorType:
        return x

    def evaluate(self, x: Array) -> Array:
        if (x < 0).any():
            raise ValueError("negative")
        return x


@pytest.mark.parametrize("name", ERRORS)
def test_errors_name_the_value_or_the_layer(name: str):
    OPS["custom"] = Custom
    inputs: dict[str, Array] = {"x": np.zeros((2, 3), np.float32)}
    if name != "missing":
        inputs |= {"i": np.zeros(2, np.int32), "j": np.zeros(1, np.int32)}
    given, message = ERRORS[name]
    with pytest.raises(GraphError) as e:
        evaluate(parse_graph(PICK), inputs | given)
    assert message in str(e.value)
