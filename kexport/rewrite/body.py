"""Writes the bodies of loops and branches, and inlines them in place of the op that holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kexport.ir.graph import Graph, Node, Value
from kexport.ir.op import Op
from kexport.ir.types import TensorType
from kexport.rewrite.rule import Rewriter


class Body(Rewriter):
    """Writes a new body; every node carries one layer path. `inputs` are declared first, `finish` names the results."""

    def __init__(self, name: str, origin: str):
        self.graph = Graph(name)
        self.origin = origin
        self.made: list[Node] = []

    def input(self, name: str, type: TensorType) -> Value:
        """Declare the next input."""
        return self.graph.input(name, type)

    def add_all(self, op: Op, *operands: Value, origin: str | None = None) -> tuple[Value, ...]:
        """Add a node at the end and return all its results."""
        return self.graph.add(op, *operands, origin=self.origin if origin is None else origin).outputs

    def finish(self, results: Mapping[str, Value]) -> Graph:
        """Finish the body with these results, in order."""
        for name, value in results.items():
            self.graph.output(name, value)
        return self.graph


class Operands:
    """The values that a body captures: constants live in the body, everything else becomes a further operand."""

    def __init__(self, body: Body):
        self._body = body
        self.outer: list[Value] = []

    def bring(self, name: str, value: Value) -> Value:
        """Return a value of the enclosing graph as a value of the body."""
        if value.data is not None:
            return self._body.constant(value.data, value.name)
        self.outer.append(value)
        return self._body.input(name, value.type)


def inline(rewriter: Rewriter, body: Graph, operands: Sequence[Value]) -> list[Value]:
    """Inline a body: copy its nodes into the graph being rewritten and return its results on operands."""
    env: dict[Value, Value] = dict(zip(body.inputs, operands, strict=True))

    def find(value: Value) -> Value:
        if value.data is not None and value not in env:
            env[value] = rewriter.constant(value.data, value.name)
        return env[value]

    for node in body.nodes:
        results = rewriter.add_all(node.op.copied(), *map(find, node.inputs), origin=node.origin)
        env.update(zip(node.outputs, results, strict=True))
    return [find(o.value) for o in body.outputs]
