"""Finds the values at which a graph can be compared layer by layer: those that leave a Keras layer."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from kexport.ir.evaluator import Perturb, evaluate
from kexport.ir.graph import Graph, Node, Value
from kexport.ir.op import Array
from kexport.verify.compare import kinds
from kexport.verify.draws import random_values
from kexport.verify.oracles import jumps
from kexport.verify.perturb import Rounding, farther

PERTURBED_RUNS = 3
"""Runs with random rounding besides the plain float32 one: inner values have few batches to rely on."""


@dataclass(frozen=True)
class Checkpoint:
    """A value that leaves a layer: result `result` of node `node` of the captured graph, by number.

    `name` is the layer path, with `#1` and so on behind it for further values of one layer.
    """

    name: str
    layer: str
    node: int
    result: int = 0


@dataclass(frozen=True)
class Reach:
    """How a checkpoint is computed: from which others (none: from inputs), by which layers and ops."""

    sources: tuple[str, ...]
    layers: tuple[str, ...]
    ops: tuple[str, ...]
    """The ops of the checkpoint's own layer."""


@dataclass(frozen=True)
class Activations:
    """The captured graph's values at its checkpoints for one batch, in float64 and in float32."""

    oracle: Mapping[str, Array]
    eval32: Mapping[str, Array]
    """Per element, the value farthest from the oracle among several runs with rounding."""
    doubtful: Mapping[str, Array] = field(default_factory=dict[str, Array])
    """The elements that rounding decides, if any."""


def checkpoints(graph: Graph) -> list[Checkpoint]:
    """Return every value that a layer passes to another layer or out of the model, in the order of computation.

    Values that depend on random numbers are left out, as they differ in every run.
    """
    found: list[Checkpoint] = []
    random = random_values(graph)
    seen: dict[str, int] = {}
    for i, node in enumerate(graph.nodes):
        layer = _layer(node, graph)
        for j, value in enumerate(node.outputs):
            if value in random:
                continue
            if graph.is_output(value) or any(_layer(user, graph) != layer for user in value.users):
                count = seen[layer] = seen.get(layer, 0) + 1
                found.append(Checkpoint(layer if count == 1 else f"{layer}#{count - 1}", layer, i, j))
    return found


def activations(graph: Graph, points: Sequence[Checkpoint], inputs: Mapping[str, Array]) -> Activations:
    """Evaluate a captured graph at its checkpoints."""
    oracle = values_at(graph, points, inputs, wide=True)
    eval32 = values_at(graph, points, inputs)
    doubtful = {n: np.zeros(a.shape, bool) for n, a in eval32.items()}
    for seed in range(PERTURBED_RUNS):
        other = values_at(graph, points, inputs, perturb=Rounding(seed, flush=seed == 1))
        for name, array in eval32.items():
            if array.shape == other[name].shape:
                doubtful[name] = doubtful[name] | (kinds(array) != kinds(other[name]))
                eval32[name] = farther(array, other[name], oracle[name])
    doubtful = {n: d | jumps(eval32[n], oracle[n], d) for n, d in doubtful.items()}
    return Activations(oracle, eval32, {n: d for n, d in doubtful.items() if d.any()})


def values_at(
    graph: Graph,
    points: Sequence[Checkpoint],
    inputs: Mapping[str, Array],
    *,
    wide: bool = False,
    perturb: Perturb | None = None,
) -> dict[str, Array]:
    """Return the arrays at checkpoints by name; `perturb` may change what every node computes."""
    names = {(p.node, p.result): p.name for p in points}
    numbers = {node: i for i, node in enumerate(graph.nodes)}
    found: dict[str, Array] = {}

    def observe(node: Node, results: Sequence[Array]) -> None:
        for j, array in enumerate(results):
            name = names.get((numbers.get(node, -1), j))
            if name is not None:
                found[name] = array

    evaluate(graph, inputs, wide=wide, narrow=not wide, observe=observe, perturb=perturb)
    return found


def reaches(graph: Graph, points: Sequence[Checkpoint], visible: Collection[str]) -> dict[str, Reach]:
    """Describe how every checkpoint is computed from the `visible` ones."""
    nodes = list(graph.nodes)
    values = {nodes[p.node].outputs[p.result]: p.name for p in points}
    order = {node: i for i, node in enumerate(nodes)}
    stops = {v: n for v, n in values.items() if n in visible}
    return {name: _reach(graph, value, stops, order) for value, name in values.items()}


def _reach(graph: Graph, start: Value, stops: Mapping[Value, str], order: Mapping[Node, int]) -> Reach:
    sources: dict[Value, None] = {}
    between: dict[Node, None] = {}
    queue = [start]
    while queue:
        value = queue.pop()
        if value is not start and value in stops:
            sources[value] = None
        elif value.producer is not None and value.producer not in between:
            between[value.producer] = None
            queue += value.producer.inputs
    steps = sorted(between, key=order.__getitem__)
    layers = dict.fromkeys(_layer(n, graph) for n in steps)
    ops = [n.op.name for n in steps if start.producer and n.origin == start.producer.origin]
    names = {stops[v]: None for v in sorted(sources, key=lambda v: order[v.producer] if v.producer else -1)}
    return Reach(tuple(names), tuple(layers), tuple(ops))


def _layer(node: Node, graph: Graph) -> str:
    return node.origin or graph.name
