"""Tabulates the Keras layers of the optimized graph: parameters, bytes, multiply-adds, largest error."""

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
    """One row of the table. `multiply_adds` is None if it cannot be counted."""

    path: str
    ops: tuple[str, ...]
    parameters: int
    bytes: int
    multiply_adds: int | None
    output: str
    ratio: float | None = None
    """The largest error in any engine, in units of the budget; None if no engine shows the layer."""
    worst: str = ""
    """The engine with the largest error."""
    seconds: float | None = None
    """Its time in the engine with a profiler; None if it is not in the profile."""


def layers_of(facts: Facts) -> tuple[Layer, ...]:
    """Return all layers in the order of computation; none without a graph."""
    graph = facts.graph
    if graph is None:
        return ()
    costs = costs_by_layer(graph, facts.sizes)
    worst = worst_by_layer(facts.locations())
    times = layer_times(facts)
    seconds = times.seconds if times else {}
    return tuple(
        Layer(
            x.path or graph.name,
            tuple(x.ops),
            x.parameters,
            x.bytes,
            costs[x.path],
            x.output,
            *worst.get(x.path or graph.name, (None, "")),
            seconds.get(x.path),
        )
        for x in summarize(graph)
    )


def costs_by_layer(graph: Graph, recorded: Mapping[str, int]) -> dict[str, int | None]:
    """Sum multiply-adds by origin; None if those of any node are unknown."""
    sizes = default_sizes(graph, recorded)
    found: dict[str, int | None] = {}
    for node in graph.nodes:
        count = multiply_adds(node, sizes)
        before = found.get(node.origin, 0)
        found[node.origin] = None if count is None or before is None else before + count
    return found


def worst_by_layer(locations: Sequence[Location]) -> dict[str, tuple[float, str]]:
    """Return the largest ratio of every layer and its engine. A merged layer has the ratio of its host."""
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
    """Divide error by budget; infinite for a divergence that is not numeric, such as a wrong shape."""
    ratio = math.inf if check.verdict == "diverges" and check.error is None else check.ratio
    return math.inf if ratio is not None and math.isnan(ratio) else ratio


def engine_of(location: Location) -> str:
    """Return the name of a line in the plot."""
    return f"{location.target} in {location.runtime}"


def _shown_in(check: LayerCheck) -> dict[str, None]:
    layer, _, number = check.layer.rpartition("#")
    own = layer if layer and number.isdigit() else check.layer
    return dict.fromkeys((own, *check.computed))
