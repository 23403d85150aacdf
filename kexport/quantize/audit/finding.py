"""What an audit found, in sentences for the user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kexport.ir.graph import Graph, Value
from kexport.quantize.statistics.names import value_names
from kexport.quantize.statistics.statistics import Statistics
from kexport.quantize.statistics.value import ValueStatistics

LISTED = 4
"""How many layers a sentence names."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: its kind, the layers or inputs that it is about, a sentence, and what to do."""

    kind: str
    where: tuple[str, ...]
    what: str
    hint: str

    def __str__(self) -> str:
        return f"{self.what}\n  hint: {self.hint}"


@dataclass(frozen=True, eq=False)
class Observed:
    """A graph with its statistics, value by value."""

    graph: Graph
    statistics: Statistics

    def values(self) -> list[tuple[Value, ValueStatistics]]:
        """All values that are computed from the data and of which numbers were seen, inputs first."""
        names = value_names(self.graph)
        found = self.statistics.values
        moved = set(self.graph.inputs)
        for node in self.graph.nodes:
            moved.update(node.outputs if moved.intersection(node.inputs) else ())
        pairs = [(v, found[n]) for v, n in names.items() if n in found and v in moved]
        return [(v, s) for v, s in pairs if s.count]


def place(value: Value) -> str:
    """The layer that makes a value, or the name of an input."""
    return value.name if value.producer is None else value.producer.origin or value.producer.op.name


def listed(layers: Sequence[str]) -> str:
    """`'a', 'b' and 3 more`."""
    names = list(dict.fromkeys(layers))
    rest = len(names) - LISTED
    return ", ".join(map(repr, names[:LISTED])) + (f" and {rest} more" if rest > 0 else "")
