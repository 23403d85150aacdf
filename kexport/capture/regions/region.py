"""Region: lowers a function into the body of an op."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kexport import ops
from kexport.capture.lowering.body import Body
from kexport.capture.lowering.context import Context, Found
from kexport.capture.lowering.scope import Scope
from kexport.ir.graph import Graph, Value
from kexport.ir.op import value_symbols
from kexport.ir.types import TensorType
from kexport.rewrite.driver import erase_dead


class Region(Scope):
    """A function that becomes the body of an op; outer values are brought in when they are read."""

    def __init__(self, scope: Scope, ctx: Context, op: Any, graph: Any, name: str, given: Mapping[int, Found]):
        body = Body(name, ctx.origin)
        super().__init__(scope.run, graph, scope.frames_of(op), scope, body)
        self.place = body
        self.given = dict(given)
        self.ctx = Context(body.graph, self.resolve, ctx.origin)
        self.ctx_around = ctx

    def input(self, tensor: Any, type: TensorType) -> Value:
        """An input of the body for a tensor of the function."""
        value = self.place.input(type)
        self.env[id(tensor)] = value
        return value

    def values(self, tensors: Sequence[Any]) -> list[Value]:
        """Lower what tensors need and return their values.

        Raises:
            NotLowered: one is a resource or complex.
        """
        self.lower(tensors)
        return [self.ctx.value(t) for t in tensors]

    def finish(self, inputs: Sequence[tuple[str, Value]], others: Sequence[Value], results: Sequence[Value]) -> Graph:
        """The body: its own inputs, then those that stand for `others` around it."""
        brought = [("other", self.place.stand_for(v)) for v in others]
        return self.place.finish([*inputs, *brought], results)

    def ask_around(self, results: Sequence[Value]) -> list[Value]:
        """Return the results, with sizes that no input of the body determines replaced by inputs that hold them."""
        graph = self.place.graph
        place = dict[Value, Value]()
        kept = {p for p in (v.producer for v in results) if p}
        erase_dead(graph, [n for n in graph.nodes if n not in kept])
        known = {s for v in self.place.inputs for s in value_symbols(v.type.shape)}
        for node in graph.nodes:
            if isinstance(node.op, ops.Dims) and node.op.symbols() - known:
                outer = self.ctx_around.sizes(node.op.dims, node.op.dtype)
                place[node.output] = self.place.stand_for(outer)
                graph.replace(node.output, place[node.output])
        return [place.get(v, v) for v in results]


def close(*parts: tuple[Region, Sequence[Value]]) -> tuple[list[Value], list[list[Value]]]:
    """Return the outer values that the bodies of one op read, and the results of each."""
    results = [region.ask_around(values) for region, values in parts]
    return list(dict.fromkeys(v for region, _ in parts for v in region.place.brought)), results
