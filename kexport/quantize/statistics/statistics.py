"""The statistics of a graph: of every float value by name, with what they are of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kexport.errors import ConfigError
from kexport.ir.op import Array
from kexport.ir.types import DType
from kexport.names import suggest
from kexport.quantize.statistics.rules import DEFAULT, Range, Rule, range_by
from kexport.quantize.statistics.value import ValueStatistics


@dataclass(frozen=True, eq=False)
class Statistics:
    """What the float values of one graph were on data."""

    graph: str
    """`graph_digest` of the graph."""
    data: tuple[str, ...]
    """The digest of each set of data; empty text for one that has none, such as a generator."""
    samples: int
    values: Mapping[str, ValueStatistics]
    """By the names that `value_names` gives."""
    first: Mapping[str, Array] | None = None
    """The first batch, for the audit, where the data was just read; they are kept in no file."""

    def of(self, name: str) -> ValueStatistics:
        """The statistics of a value.

        Raises:
            ConfigError: the graph has no float value of that name.
        """
        if name not in self.values:
            hint = suggest(name, self.values, "values")
            raise ConfigError(f"there are no statistics of a value {name!r}", hint=hint)
        return self.values[name]

    def range_of(
        self, name: str, rule: Rule | str = DEFAULT, dtype: DType = DType.I8, symmetric: bool = False
    ) -> Range:
        """The range that integers of a type are to stand for, which always holds 0; see `rules`.

        Raises:
            ConfigError: nothing is known of the value, as it was never computed.
        """
        rule = Rule.parse(rule) if isinstance(rule, str) else rule
        found = range_by(rule, self.of(name), dtype, symmetric)
        if found is None:
            hint = "give data on which it is, or leave it in float by a recipe"
            raise ConfigError(f"value {name!r} has no range: it was never computed, or never finite", hint=hint)
        return found


def merge(statistics: Sequence[Statistics]) -> Statistics:
    """The statistics of several machines as if one had seen all the data.

    Raises:
        ConfigError: there are none, they are of different graphs, or two of them are of the same data.
    """
    if not statistics:
        raise ConfigError("there are no statistics to merge", hint="give one or more files of ranges")
    first = statistics[0]
    if any(s.graph != first.graph or s.values.keys() != first.values.keys() for s in statistics):
        hint = "observe the same model with the same version of kexport on every machine"
        raise ConfigError("the statistics are of different graphs", hint=hint)
    data = tuple(d for s in statistics for d in s.data)
    named = [d for d in data if d]
    if len(set(named)) != len(named):
        raise ConfigError("two of the statistics are of the same data", hint="give each machine its own part of it")
    values = dict(first.values)
    for other in statistics[1:]:
        values = {name: value.merged(other.values[name]) for name, value in values.items()}
    samples = sum(s.samples for s in statistics)
    return Statistics(first.graph, tuple(sorted(data)), samples, values)
