"""Checks that a graph is well formed, and shows the lines around a fault."""

from __future__ import annotations

from kexport.errors import GraphError
from kexport.ir.graph import Graph, Node, Use, Value
from kexport.ir.op import infer
from kexport.ir.text import Names, numbered_lines
from kexport.ir.types import TensorType

_CONTEXT = 2


def verify_graph(graph: Graph) -> None:
    """Check order, types, uses, names and constants of a graph and its bodies.

    Raises:
        GraphError: says what is wrong, shows the lines around it and names the Keras layer path.
    """
    defined: set[Value] = set(graph.inputs)
    for node in graph.nodes:
        for problem in _problems(graph, node, defined):
            raise GraphError(f"{problem}\n{excerpt(graph, node)}", where=node.origin or None)
        defined.update(node.outputs)
        for body in node.bodies:
            verify_graph(body)
    for value in (*graph.inputs, *graph.constants):
        for problem in _use_problems(graph, value):
            raise GraphError(problem, where=graph.name)
    for name, value in graph.outputs:
        if not value.is_constant and value not in defined:
            raise GraphError(f"output {name!r} is not a value of this graph", where=graph.name)
    _verify_names(graph)


def excerpt(graph: Graph, fault: Node) -> str:
    """Print the lines around a node, with the node marked by `>`."""
    lines = list(numbered_lines(graph, Names(graph)))
    at = next(i for i, (_, node) in enumerate(lines) if node is fault)
    window = range(max(0, at - _CONTEXT), min(len(lines), at + _CONTEXT + 1))
    return "\n".join(f"  {'>' if i == at else ' '} {lines[i][0]}" for i in window)


def _problems(graph: Graph, node: Node, defined: set[Value]) -> list[str]:
    found: list[str] = []
    for i, value in enumerate(node.inputs):
        if Use(node, i) not in value.uses:
            found.append(f"operand {i} does not record its use by {node.op.name}")
        if value.data is not None:
            actual = TensorType.of(value.data)
            if actual != value.type:
                found.append(f"operand {i} is a constant of type {value.type} that holds {actual}")
        elif value not in defined:
            found.append(f"operand {i} of {node.op.name} is used before it is defined")
    if found:
        return found
    try:
        expected = infer(node.op, tuple(v.type for v in node.inputs))
    except GraphError as e:
        return [e.what]
    if len(expected) != len(node.outputs):
        return [f"{node.op.name} has {len(node.outputs)} results, inferred are {len(expected)}"]
    for i, (value, type) in enumerate(zip(node.outputs, expected, strict=True)):
        if value.type != type:
            found.append(f"{node.op.name} has a result of type {value.type}, inferred is {type}")
        if value.producer is not node or value.index != i:
            found.append(f"result {i} of {node.op.name} does not record where it comes from")
        found += _use_problems(graph, value)
    return found


def _use_problems(graph: Graph, value: Value) -> list[str]:
    found: list[str] = []
    for node, index in value.uses:
        if node.graph is not graph:
            found.append(f"{node.op.name} uses {value} but is not in the graph")
        elif index >= len(node.inputs) or node.inputs[index] is not value:
            found.append(f"{value} records a use by {node.op.name} that does not exist")
    return found


def _verify_names(graph: Graph) -> None:
    for what, names in (("inputs", [v.name for v in graph.inputs]), ("outputs", [o.name for o in graph.outputs])):
        repeated = sorted({n for n in names if names.count(n) > 1})
        if repeated:
            raise GraphError(f"several {what} are called {', '.join(map(repr, repeated))}", where=graph.name)
