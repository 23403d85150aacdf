"""Every fault that can be put into a graph by hand is found, and shown with its lines and layer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from kexport import ops
from kexport.errors import GraphError
from kexport.ir.graph import Graph, Node, Use, Value
from kexport.ir.op import OPS
from kexport.ir.parser import parse_graph
from kexport.ir.types import TensorType
from kexport.ir.verifier import verify_graph

TEXT = """graph "main" (%x: f32[n,3]) {
  %c: f32[3] = const [1.0, 2.0, 3.0]
  %a: f32[n,3] = add(%x, %c) @"block/add"
  %b: f32[n,3] = neg(%a) @"block/neg"
  %d, %e = split(%b) {axis=1, sizes=[1, 2]} @"block/split"
  return "d": %d, "e": %e
}"""


def swap_order(graph: Graph, nodes: list[Node]) -> None:
    late = graph.add(ops.Exp(), nodes[1].inputs[0])
    graph.set_operand(nodes[1], 0, late.output)


def drop_use(graph: Graph, nodes: list[Node]) -> None:
    nodes[0].output.uses.clear()


def stale_use(graph: Graph, nodes: list[Node]) -> None:
    nodes[0].output.uses[Use(nodes[2], 0)] = None


def stale_use_of_input(graph: Graph, nodes: list[Node]) -> None:
    graph.inputs[0].uses[Use(nodes[1], 7)] = None


def use_from_outside(graph: Graph, nodes: list[Node]) -> None:
    Graph("other").add(ops.Exp(), nodes[0].output)


def wrong_type(graph: Graph, nodes: list[Node]) -> None:
    nodes[1].output.type = TensorType.parse("f32[n,4]")


def wrong_operand(graph: Graph, nodes: list[Node]) -> None:
    graph.set_operand(nodes[0], 1, graph.constant(np.zeros(2, np.float32)))


def wrong_constant(graph: Graph, nodes: list[Node]) -> None:
    nodes[0].inputs[1].data = np.zeros(3, np.float64)


def lost_result(graph: Graph, nodes: list[Node]) -> None:
    nodes[2].outputs = nodes[2].outputs[:1]


def wrong_producer(graph: Graph, nodes: list[Node]) -> None:
    nodes[2].outputs[1].index = 0


def foreign_operand(graph: Graph, nodes: list[Node]) -> None:
    graph.set_operand(nodes[1], 0, Graph("other").input("x", nodes[0].output.type))


FAULTS: dict[Callable[[Graph, list[Node]], None], tuple[str, str]] = {
    swap_order: ("block/neg", "operand 0 of neg is used before it is defined"),
    drop_use: ("block/neg", "operand 0 does not record its use by neg"),
    stale_use: ("block/add", "%a: f32[n,3] records a use by split that does not exist"),
    stale_use_of_input: ("main", "%x: f32[n,3] records a use by neg that does not exist"),
    use_from_outside: ("block/add", "exp uses %a: f32[n,3] but is not in the graph"),
    wrong_type: ("block/neg", "neg has a result of type f32[n,4], inferred is f32[n,3]"),
    wrong_operand: ("block/add", "[n,3] and [2] do not broadcast"),
    wrong_constant: ("block/add", "operand 1 is a constant of type f32[3] that holds f64[3]"),
    lost_result: ("block/split", "split has 1 results, inferred are 2"),
    wrong_producer: ("block/split", "result 1 of split does not record where it comes from"),
    foreign_operand: ("block/neg", "operand 0 of neg is used before it is defined"),
}


@pytest.mark.parametrize("inject", FAULTS, ids=lambda f: f.__name__)
def test_fault(inject: Callable[[Graph, list[Node]], None]):
    graph = parse_graph(TEXT)
    verify_graph(graph)
    inject(graph, list(graph.nodes))
    where, message = FAULTS[inject]
    with pytest.raises(GraphError) as e:
        verify_graph(graph)
    assert e.value.where == where
    assert message in e.value.what


def test_the_lines_around_the_fault_are_shown():
    graph = parse_graph(TEXT)
    wrong_type(graph, list(graph.nodes))
    with pytest.raises(GraphError) as e:
        verify_graph(graph)
    assert str(e.value).split("\n") == [
        "block/neg: neg has a result of type f32[n,4], inferred is f32[n,3]",
        "      %c: f32[3] = const [1.0, 2.0, 3.0]",
        '      %a: f32[n,3] = add(%x, %c) @"block/add"',
        '  >   %b: f32[n,4] = neg(%a) @"block/neg"',
        '      %d: f32[n,1], %e: f32[n,2] = split(%b) {axis=1, sizes=[1, 2]} @"block/split"',
        '      return "d": %d, "e": %e',
    ]


def test_an_output_from_elsewhere():
    graph = parse_graph(TEXT)
    graph.output("f", Value(TensorType.parse("f32[n,3]"), "f"))
    with pytest.raises(GraphError, match="main: output 'f' is not a value of this graph"):
        verify_graph(graph)


def test_two_inputs_of_one_name():
    graph = parse_graph(TEXT)
    graph.input("x", TensorType.parse("f32[2]"))
    with pytest.raises(GraphError, match="several inputs are called 'x'"):
        verify_graph(graph)


def test_bodies_are_checked():
    body = parse_graph('graph "body" (%a: f32[2]) { %b = neg(%a) return "b": %b }')
    graph = Graph()
    x = graph.input("x", TensorType.parse("f32[2]"))
    graph.output("y", graph.add(OPS["repeat"](body), x, origin="loop").output)  # type: ignore[call-arg]
    verify_graph(graph)
    (neg,) = body.nodes
    body.set_operand(neg, 0, x)
    with pytest.raises(GraphError, match="operand 0 of neg is used before it is defined"):
        verify_graph(graph)
