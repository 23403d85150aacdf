"""Builds the bodies of loops and branches during lowering: a graph, and the outer values that it captures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kexport.capture.lowering.context import Found, Handle, Items, Pair
from kexport.capture.not_lowered import NotLowered
from kexport.ir.graph import Graph, Value
from kexport.ir.types import TensorType
from kexport.rewrite import fold
from kexport.rewrite.driver import erase_dead


class Body:
    """A body under construction. `brought` maps the outer values that it reads to the inputs that stand for them."""

    def __init__(self, name: str, origin: str):
        self.graph = Graph(name)
        self.origin = origin
        self.inputs: list[Value] = []
        self.brought: dict[Value, Value] = {}
        self._constants: dict[Value, Value] = {}

    def input(self, type: TensorType) -> Value:
        """Add an input."""
        self.inputs.append(Value(type))
        return self.inputs[-1]

    def bring(self, found: Found) -> Found:
        """Bring in something of the outer graph: constants and sizes are made anew, the rest becomes an input.

        Raises:
            NotLowered: it is complex, or an op without a lowering made it.
        """
        if isinstance(found, Pair) or (isinstance(found, Handle) and found.maker is not None):
            raise NotLowered("" if isinstance(found, Handle) else "a loop or branch reads complex numbers")
        if isinstance(found, Handle):
            return found
        if isinstance(found, Items):
            return found if found.value is None else replace(found, value=self.bring_value(found.value))
        return self.bring_value(found)

    def bring_value(self, found: Value) -> Value:
        """Bring in an outer value."""
        if found.data is not None:
            return self.constant(found)
        known = fold.symbolic(found)
        if known is not None:
            return fold.emit_sizes(self.graph, known, found.type, self.origin)
        return self.stand_for(found)

    def stand_for(self, value: Value) -> Value:
        """Return the input that stands for an outer value."""
        if value not in self.brought:
            self.brought[value] = self.input(value.type)
        return self.brought[value]

    def constant(self, value: Value) -> Value:
        """Copy a constant of the outer graph; the array is shared."""
        return self._constants.setdefault(value, Value(value.type, value.name, value.data))

    def finish(self, inputs: Sequence[tuple[str, Value]], results: Sequence[Value]) -> Graph:
        """Finish the body with these inputs, named by kind and number, and results, without dead nodes."""
        counts: dict[str, int] = {}
        for kind, value in inputs:
            value.name = f"{kind}_{counts.setdefault(kind, 0)}"
            counts[kind] += 1
            self.graph.inputs.append(value)
        for i, value in enumerate(results):
            self.graph.output(f"result_{i}", value)
        erase_dead(self.graph, list(self.graph.nodes))
        return self.graph
