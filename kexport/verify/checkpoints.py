"""The values at which a graph can be compared layer by layer: what leaves each Keras layer."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from kexport.ir.evaluator import Observer, evaluate
from kexport.ir.graph import Graph, Node, Value
from kexport.ir.op import Array
from kexport.verify.draws import random_values
from kexport.verify.perturb import farther, rounding_noise

PERTURBED_RUNS = 2
"""How many runs with random rounding join the plain float32 one: values deep inside have few batches to lean on."""


@dataclass(frozen=True)
class Checkpoint:
    """A value that leaves a layer: result number `result` of node number `node` of the captured graph.

    `name` is the layer path, with `#1` and so on behind it for further values of one layer.
    """

    name: str
    layer: str
    node: int
    result: int = 0


@dataclass(frozen=True)
class Reach:
    """How a checkpoint is computed: from which others (none: from inputs), and by which layers and ops since then."""

    sources: tuple[str, ...]
    layers: tuple[str, ...]
    ops: tuple[str, ...]
    """The ops of the checkpoint's own layer."""


@dataclass(frozen=True)
class Activations:
    """What the captured graph computes at its checkpoints for one batch, in float64 and in float32."""

    oracle: Mapping[str, Array]
    eval32: Mapping[str, Array]
    """Of several runs with rounding, element by element the one farthest from the oracle."""


def checkpoints(graph: Graph) -> list[Checkpoint]:
    """Every value that a layer gives to another layer or to the outside, in the order of computation.

    What depends on random numbers is left out: it is another in every run.
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
    for seed in range(PERTURBED_RUNS):
        other = values_at(graph, points, inputs, noise=rounding_noise(seed))
        eval32 = {n: farther(a, other[n], oracle[n]) if a.shape == other[n].shape else a for n, a in eval32.items()}
    return Activations(oracle, eval32)


def values_at(
    graph: Graph,
    points: Sequence[Checkpoint],
    inputs: Mapping[str, Array],
    *,
    wide: bool = False,
    noise: Observer | None = None,
) -> dict[str, Array]:
    """The arrays at checkpoints, by their names; `noise` may change the results of every node."""
    names = {(p.node, p.result): p.name for p in points}
    numbers = {node: i for i, node in enumerate(graph.nodes)}
    found: dict[str, Array] = {}

    def observe(node: Node, results: Sequence[Array]) -> Sequence[Array] | None:
        changed = noise(node, results) if noise else None
        for j, array in enumerate(changed or results):
            name = names.get((numbers.get(node, -1), j))
            if name is not None:
                found[name] = array
        return changed

    evaluate(graph, inputs, wide=wide, observe=observe)
    return found


def reaches(graph: Graph, points: Sequence[Checkpoint], visible: Collection[str]) -> dict[str, Reach]:
    """How every checkpoint is computed from those that are `visible`."""
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
