"""A graph can take over what another one holds."""

from __future__ import annotations

from kexport import ops
from kexport.ir.dim import symbol
from kexport.ir.graph import Graph
from kexport.ir.text import to_text
from kexport.ir.types import DType, TensorType
from kexport.ir.verifier import verify_graph


def test_become_a_bound_copy() -> None:
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (symbol("n"), 2)))
    graph.output("y", graph.add(ops.Exp(), graph.add(ops.Neg(), x).output).output)
    wanted = to_text(graph.bind({"n": 3}))
    graph.become(graph.bind({"n": 3}))
    verify_graph(graph)
    assert to_text(graph) == wanted
    assert all(node.graph is graph for node in graph.nodes)
    last = graph.outputs[0].value.producer
    assert last is not None
    graph.replace(last.output, graph.add(ops.Abs(), last.inputs[0], before=last).output)
    graph.erase(last)
    verify_graph(graph)
