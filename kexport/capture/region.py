"""Region: a function that is lowered into the body of an op."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kexport.capture.body import Body
from kexport.capture.context import Context, Found
from kexport.capture.scope import Scope
from kexport.ir.graph import Graph, Value
from kexport.ir.types import TensorType


class Region(Scope):
    """A function that becomes the body of an op; what it reads of the scope around is brought in when it is read."""

    def __init__(self, scope: Scope, ctx: Context, op: Any, graph: Any, name: str, given: Mapping[int, Found]):
        body = Body(name, ctx.origin)
        super().__init__(scope.run, graph, scope.frames_of(op), scope, body)
        self.place, self.given = body, dict(given)
        self.ctx = Context(body.graph, self.resolve, ctx.origin)

    def input(self, tensor: Any, type: TensorType) -> Value:
        """An input of the body for a tensor of the function."""
        value = self.place.input(type)
        self.env[id(tensor)] = value
        return value

    def values(self, tensors: Sequence[Any]) -> list[Value]:
        """Lower what tensors need; their values.

        Raises:
            NotLowered: one is a resource or complex.
        """
        self.lower(tensors)
        return [self.ctx.value(t) for t in tensors]

    def finish(self, inputs: Sequence[tuple[str, Value]], others: Sequence[Value], results: Sequence[Value]) -> Graph:
        """The body: its own inputs, then those that stand for `others` around it."""
        brought = [("other", self.place.stand_for(v)) for v in others]
        return self.place.finish([*inputs, *brought], results)
