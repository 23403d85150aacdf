"""Bodies of loops and branches: written node by node, and put in the place of the op that holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kexport.ir.graph import Graph, Node, Value
from kexport.ir.op import Op
from kexport.ir.types import TensorType
from kexport.rewrite.rule import Rewriter


class Body(Rewriter):
    """Writes a new body; every node carries one layer path. `inputs` are declared first, `finish` names the results."""

    def __init__(self, name: str, origin: str):
        self.graph, self.origin = Graph(name), origin
        self.made: list[Node] = []

    def input(self, name: str, type: TensorType) -> Value:
        """The next input."""
        return self.graph.input(name, type)

    def add_all(self, op: Op, *operands: Value, origin: str | None = None) -> tuple[Value, ...]:
        """Add a node at the end and return all its results."""
        return self.graph.add(op, *operands, origin=self.origin if origin is None else origin).outputs

    def finish(self, results: Mapping[str, Value]) -> Graph:
        """The body with these results, in order."""
        for name, value in results.items():
            self.graph.output(name, value)
        return self.graph


class Operands:
    """What a body reads whole: constants live in the body, everything else comes in as a further operand."""

    def __init__(self, body: Body):
        self._body = body
        self.outer: list[Value] = []

    def bring(self, name: str, value: Value) -> Value:
        """`value` of the graph around, as a value of the body."""
        if value.data is not None:
            return self._body.constant(value.data, value.name)
        self.outer.append(value)
        return self._body.input(name, value.type)


def inline(rewriter: Rewriter, body: Graph, operands: Sequence[Value]) -> list[Value]:
    """The results of a body on operands, computed by copies of its nodes in the graph being rewritten."""
    env: dict[Value, Value] = dict(zip(body.inputs, operands, strict=True))

    def find(value: Value) -> Value:
        if value.data is not None and value not in env:
            env[value] = rewriter.constant(value.data, value.name)
        return env[value]

    for node in body.nodes:
        results = rewriter.add_all(node.op.copied(), *map(find, node.inputs), origin=node.origin)
        env.update(zip(node.outputs, results, strict=True))
    return [find(o.value) for o in body.outputs]
