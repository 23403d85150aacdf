"""The Keras layers of the optimized graph: parameters, bytes, multiply-adds, and the largest error in any engine."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kexport.ir.graph import Graph
from kexport.locate.divergence import LayerCheck, Location
from kexport.report.cost import default_sizes, multiply_adds
from kexport.report.facts import Facts
from kexport.report.timing import layer_times
from kexport.workflows.inspecting import summarize


@dataclass(frozen=True)
class Layer:
    """One row of the table. `multiply_adds` is None where the graph does not tell."""

    path: str
    ops: tuple[str, ...]
    parameters: int
    bytes: int
    multiply_adds: int | None
    output: str
    ratio: float | None = None
    """The largest error in any engine, in units of the budget; None where the layer does not show."""
    worst: str = ""
    """The engine of that."""
    seconds: float | None = None
    """How long it takes in the engine that tells; None where it does not show."""


def layers_of(facts: Facts) -> tuple[Layer, ...]:
    """All layers in the order of computation; none without a graph."""
    graph = facts.graph
    if graph is None:
        return ()
    costs = costs_by_layer(graph, facts.sizes)
    worst = worst_by_layer(facts.locations())
    times = layer_times(facts)
    seconds = times.seconds if times else {}
    return tuple(
        Layer(x.path or graph.name, tuple(x.ops), x.parameters, x.bytes, costs[x.path], x.output,
              *worst.get(x.path or graph.name, (None, "")), seconds.get(x.path))
        for x in summarize(graph)
    )  # fmt: skip


def costs_by_layer(graph: Graph, recorded: Mapping[str, int]) -> dict[str, int | None]:
    """Multiply-adds by origin; None as soon as one node's are not known."""
    sizes = default_sizes(graph, recorded)
    found: dict[str, int | None] = {}
    for node in graph.nodes:
        count, before = multiply_adds(node, sizes), found.get(node.origin, 0)
        found[node.origin] = None if count is None or before is None else before + count
    return found


def worst_by_layer(locations: Sequence[Location]) -> dict[str, tuple[float, str]]:
    """The largest ratio of every layer, and in which engine. A layer that is merged has that of what it is in."""
    found: dict[str, tuple[float, str]] = {}
    for location in locations:
        for check in location.layers:
            ratio = ratio_of(check)
            if ratio is None:
                continue
            for layer in _shown_in(check):
                if layer not in found or ratio > found[layer][0]:
                    found[layer] = (ratio, engine_of(location))
    return found


def ratio_of(check: LayerCheck) -> float | None:
    """Error over budget; infinite for what diverges in another way than by numbers."""
    ratio = math.inf if check.verdict == "diverges" and check.error is None else check.ratio
    return math.inf if ratio is not None and math.isnan(ratio) else ratio


def engine_of(location: Location) -> str:
    """The name of a line in the plot."""
    return f"{location.target} in {location.runtime}"


def _shown_in(check: LayerCheck) -> dict[str, None]:
    layer, _, number = check.layer.rpartition("#")
    own = layer if layer and number.isdigit() else check.layer
    return dict.fromkeys((own, *check.computed))
