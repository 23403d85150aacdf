"""Lowers graphs to targets: the one way from a captured graph to an artifact.

    optimize -> (the graph of a variant) -> lower_for -> Lowered.write

`optimize` is shared by all targets. A variant of the model, such as one of 8-bit integers, is made of its result, once
for all targets that take it; `lower_for` brings the graph to what one target writes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kexport.ir.contract import Contract, Port
from kexport.ir.graph import Graph, Value
from kexport.passes.pipeline import OPTIMIZE, run_passes
from kexport.rewrite import Log
from kexport.target import Span, Target


@dataclass(frozen=True)
class Lowered:
    """A graph as a target writes it, with all that writing it takes."""

    target: Target
    options: Any
    graph: Graph
    """Legalized, and checked to have an emitter for every node."""
    contract: Contract

    @property
    def spans(self) -> Mapping[str, Span]:
        """The sizes that the artifact takes, by dynamic dim."""
        return self.target.spans(self.contract, dataclasses.asdict(self.options))

    def adapted(self, measure: Callable[[], Mapping[Value, float]]) -> Lowered:
        """Return it with options that suit the data; `measure` gives peaks of values, see `Target.adapt`."""
        return dataclasses.replace(self, options=self.target.adapt(self.graph, self.options, measure))

    def tensors(self) -> dict[Value, str]:
        """Which tensor of the artifact holds each value of the graph, see `Target.tensors`."""
        return self.target.tensors(self.graph, self.contract, self.options)

    def write(self, path: Path) -> Path:
        """Emit the artifact to a new file or folder, and return its path."""
        self.target.write(self.graph, self.contract, path, self.options)
        return path


def optimize(graph: Graph, log: Log | None = None) -> Graph:
    """Return an optimized copy of a captured graph; no target is in it yet."""
    copy = graph.copy()
    run_passes(copy, OPTIMIZE, log)
    return copy


def lower_for(
    target: Target, options: Any, graph: Graph, contract: Contract | None = None, log: Log | None = None
) -> Lowered:
    """Bring a copy of an optimized graph to what a target writes.

    Args:
        target: the format.
        options: its options, of its own class.
        graph: what `optimize` returned, or a variant made of it; a captured graph has to be optimized first.
        contract: the model's; None for what the graph's own names and types say.
        log: gets what rules did, and why others did not.

    Raises:
        UnsupportedError: the target cannot write it.
    """
    copy = graph.copy()
    target.legalize(copy, options, log)
    target.emitters.check(copy)
    return Lowered(target, options, copy, contract or contract_of(graph))


def contract_of(graph: Graph) -> Contract:
    """Return the contract of a graph that is no model of Keras: its names and types, without any nesting."""
    inputs = tuple(Port(v.name, v.type) for v in graph.inputs)
    return Contract(inputs, tuple(Port(o.name, o.value.type) for o in graph.outputs))
