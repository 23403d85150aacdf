"""Handles the random numbers of a graph: which outputs depend on them, and evaluation with numbers drawn elsewhere."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from kexport.ir.evaluator import Observer
from kexport.ir.graph import Graph, Node, Value
from kexport.ir.op import Array
from kexport.ops import Draw, Erf, RandomNormal

Draws = Mapping[str, Array]
"""The numbers of each draw of a graph, by its number."""
UNLIKELY = 1e-9
"""The probability below which a deviation is not taken for chance."""


def draws_of(graph: Graph) -> dict[str, Node]:
    """Return the nodes that draw random numbers, by the number of the draw; bodies hold none."""
    return {str(n.op.draw): n for n in graph.nodes if isinstance(n.op, Draw)}


def random_values(graph: Graph) -> set[Value]:
    """The values that depend on random numbers."""
    found: set[Value] = set()
    for node in graph.nodes:
        if isinstance(node.op, Draw) or not found.isdisjoint(node.inputs):
            found.update(node.outputs)
    return found


def random_outputs(graph: Graph) -> tuple[str, ...]:
    """The names of the outputs that depend on random numbers."""
    found = random_values(graph)
    return tuple(o.name for o in graph.outputs if o.value in found)


def given(draws: Draws, then: Observer | None = None) -> Observer | None:
    """Make an observer that replaces the numbers that a graph draws by these; `then` sees all other nodes."""
    if not draws:
        return then

    def observe(node: Node, results: Sequence[Array]) -> Sequence[Array] | None:
        if isinstance(node.op, Draw):
            (own,) = results
            return [draws[str(node.op.draw)].reshape(own.shape).astype(own.dtype)]
        return then(node, results) if then else None

    return observe


def implausible(nodes: Mapping[str, Node], batches: Sequence[Draws]) -> str:
    """Return why numbers that an engine drew in several runs are not random as they should be; empty if they are.

    The numbers of a draw must follow its distribution (Kolmogorov-Smirnov test with Massart's bound), and no two
    draws or runs may have the same numbers.
    """
    for name, node in nodes.items():
        values = np.concatenate([b[name].reshape(-1) for b in batches]).astype(np.float64)
        distance = _distance(np.sort(_uniform(node, values)))
        if 2 * math.exp(-2 * values.size * distance**2) < UNLIKELY:
            return f"{node.origin}: {values.size} numbers that it drew are not those of a {node.op.name}"
    runs = [(f"{nodes[name].origin}", b[name].reshape(-1)) for b in batches for name in nodes]
    for i, (where, first) in enumerate(runs):
        for _, second in runs[:i]:
            length = min(first.size, second.size)
            if length and np.array_equal(first[:length], second[:length]):
                return f"{where}: it draws the same numbers again and again"
    return ""


def _uniform(node: Node, values: Array) -> Array:
    """Map the numbers of a draw to uniform ones by its distribution function."""
    return (Erf().evaluate(values / math.sqrt(2)) + 1) / 2 if isinstance(node.op, RandomNormal) else values


def _distance(ordered: Array) -> float:
    """Return the distance of an empirical distribution from the uniform one on [0, 1]."""
    steps = np.arange(ordered.size + 1) / max(ordered.size, 1)
    return float(max(np.max(steps[1:] - ordered, initial=0.0), np.max(ordered - steps[:-1], initial=0.0)))
