"""Editing graphs: what is allowed, what is refused, and that uses stay exact."""

from __future__ import annotations

import numpy as np
import pytest

from kexport import ops
from kexport.errors import GraphError
from kexport.ir.graph import Graph
from kexport.ir.op import OPS, Op
from kexport.ir.parser import parse_graph
from kexport.ir.text import to_text
from kexport.ir.types import TensorType
from kexport.ir.verifier import verify_graph

F32 = TensorType.parse("f32[n,3]")


def chain() -> Graph:
    """x -> relu -> neg -> exp."""
    graph = Graph()
    value = graph.input("x", F32)
    for op in (ops.Relu(), ops.Neg(), ops.Exp()):
        value = graph.add(op, value, origin=op.name).output
    graph.output("y", value)
    return graph


def names(graph: Graph) -> list[str]:
    return [n.op.name for n in graph.nodes]


def test_nodes_run_both_ways():
    graph = chain()
    assert names(graph) == ["relu", "neg", "exp"]
    assert [n.op.name for n in graph.reversed_nodes] == ["exp", "neg", "relu"]


def test_add_before_a_node():
    graph = chain()
    neg = next(n for n in graph.nodes if isinstance(n.op, ops.Neg))
    tanh = graph.add(ops.Tanh(), neg.inputs[0], before=neg).output
    graph.set_operand(neg, 0, tanh)
    assert names(graph) == ["relu", "tanh", "neg", "exp"]
    verify_graph(graph)


def test_add_names_the_layer_of_a_node_that_does_not_fit():
    graph = chain()
    with pytest.raises(GraphError, match=r"head/add: add takes 2 operands, got 1: \(f32\[n,3\]\)") as e:
        graph.add(ops.Add(), graph.inputs[0], origin="head/add")
    assert e.value.where == "head/add"


def test_an_undecidable_size_is_a_graph_error():
    class Broken(Op, abstract=True):
        def infer(self, x: TensorType) -> TensorType:
            return x if x.shape[0] > 3 else x.with_shape((3,))

    graph = chain()
    with pytest.raises(GraphError, match="whether 3 < n depends on the input size"):
        graph.add(Broken(), graph.inputs[0])


def test_replace_moves_every_use():
    graph = chain()
    relu, neg, _ = graph.nodes
    graph.replace(neg.output, relu.output)
    assert neg.output.uses == {}
    assert [u.op.name for u in relu.output.users] == ["neg", "exp"]
    graph.erase(neg)
    assert names(graph) == ["relu", "exp"]
    verify_graph(graph)


def test_replace_moves_outputs():
    graph = chain()
    *_, exp = graph.nodes
    graph.replace(exp.output, graph.inputs[0])
    assert graph.outputs[0].value is graph.inputs[0]
    assert graph.outputs[0].name == "y"


def test_replace_refuses_another_type():
    graph = chain()
    *_, exp = graph.nodes
    other = graph.constant(np.zeros((2, 3), np.float32))
    with pytest.raises(GraphError, match=r"exp: cannot replace a value of type f32\[n,3\] by one of type f32\[2,3\]"):
        graph.replace(exp.output, other)
    assert graph.outputs[0].value is exp.output


def test_erase_refuses_what_is_used():
    graph = chain()
    for node in graph.nodes:
        with pytest.raises(GraphError, match=f"{node.op.name} is still used and cannot be erased"):
            graph.erase(node)


def test_erase_while_iterating():
    graph = chain()
    for node in graph.nodes:
        if isinstance(node.op, ops.Neg):
            graph.replace(node.output, node.inputs[0])
            graph.erase(node)
    assert names(graph) == ["relu", "exp"]


def test_a_value_used_twice_by_one_node_has_two_uses_and_one_user():
    graph = Graph()
    x = graph.input("x", F32)
    node = graph.add(ops.Mul(), x, x)
    assert len(x.uses) == 2
    assert x.users == [node]
    graph.replace(x, graph.input("z", F32))
    assert not x.uses


def test_constants_in_order_of_first_use():
    graph = Graph()
    x = graph.input("x", F32)
    late = graph.constant(np.float32(1), "late")
    early = graph.constant(np.float32(2), "early")
    y = graph.add(ops.Add(), x, early).output
    graph.output("y", graph.add(ops.Mul(), y, late).output)
    graph.output("c", late)
    assert [c.name for c in graph.constants] == ["early", "late"]
    assert graph.is_used(early)
    assert not graph.is_used(graph.constant(np.float32(3)))


def test_two_outputs_of_one_name_are_refused():
    graph = chain()
    with pytest.raises(GraphError, match="two outputs are called 'y'"):
        graph.output("y", graph.inputs[0])


def test_copy_shares_constants_and_nothing_else():
    graph = parse_graph(
        'graph "g" (%x: f32[n,3]) { %c: f32[3] = const [1, 2, 3] %y = add(%x, %c) @"l" return "y": %y }'
    )
    copy = graph.copy()
    assert to_text(copy) == to_text(graph)
    (c,) = copy.constants
    (original,) = graph.constants
    assert c is not original
    assert c.data is original.data
    (node,) = copy.nodes
    copy.set_operand(node, 1, copy.constant(np.zeros(3, np.float32)))
    assert to_text(copy) != to_text(graph)
    verify_graph(graph)
    verify_graph(copy)


def test_copy_has_bodies_of_its_own():
    body = parse_graph('graph "body" (%a: f32[n]) { %b = neg(%a) return "b": %b }')
    graph = Graph()
    x = graph.input("x", TensorType.parse("f32[n]"))
    graph.output("y", graph.add(OPS["repeat"](body), x).output)  # type: ignore[call-arg]
    for copy in (graph.copy(), graph.bind({"n": 3}), graph.bind({"other": 3})):
        (copied,) = next(copy.nodes).op.bodies()
        assert copied is not body
        verify_graph(copy)
        copied.add(ops.Exp(), copied.inputs[0])
    assert names(body) == ["neg"]


def test_bind_replaces_symbols_everywhere():
    graph = parse_graph(
        """graph "g" (%x: f32[n,4]) {
          %y = reshape(%x) {shape=[2*n, 2]}
          %z = broadcast_to(%y) {shape=[n+1, 2*n, 2]}
          return "z": %z
        }"""
    )
    assert graph.symbols() == {"n"}
    bound = graph.bind({"n": 3})
    assert bound.symbols() == set()
    assert [str(n.output.type) for n in bound.nodes] == ["f32[6,2]", "f32[4,6,2]"]
    assert str(graph.bind({"n": graph.inputs[0].type.shape[0] * 2}).inputs[0].type) == "f32[2*n,4]"
    verify_graph(bound)
