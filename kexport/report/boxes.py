"""Groups the nodes of the drawn graph into boxes: one per node, in larger graphs one per layer or group."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kexport.ir.graph import Graph, Node, Value
from kexport.report.cost import default_sizes, multiply_adds

MAX_NODES = 80
"""With more nodes than this, a box is a layer."""
MAX_LAYERS = 160
"""With more layers than this, a box is a group of layers: their paths are cut."""
MAX_BOXES = 600
"""With more groups than this, nothing is drawn: it would not be readable."""


@dataclass(frozen=True)
class Box:
    """One box. `layers` are the origins of its nodes; an input or output has none."""

    kind: str
    """op, input or output."""
    title: str
    layers: tuple[str, ...]
    path: str
    output: str
    """The type of its result."""
    parameters: int = 0
    bytes: int = 0
    multiply_adds: int | None = 0


@dataclass(frozen=True)
class Boxes:
    """Boxes in the order of computation, and edges as pairs of box numbers. `unit` is op, layer or group."""

    boxes: tuple[Box, ...]
    edges: tuple[tuple[int, int], ...]
    unit: str


def boxes_of(graph: Graph, recorded: Mapping[str, int]) -> Boxes | None:
    """Choose the boxes of a graph; None if the graph is too large to draw."""
    nodes = list(graph.nodes)
    group, unit = _grouping(nodes, graph.name)
    parts, owners = _parts(graph, nodes, group)
    if len(parts) > MAX_BOXES:
        return None
    sizes = default_sizes(graph, recorded)
    boxes = [Box("input", v.name, (), "", str(v.type)) for v in graph.inputs]
    edges: dict[tuple[int, int], None] = {}
    counted: set[Value] = set()
    for path, members in parts:
        edges |= {(owners[v], len(boxes)): None for n in members for v in n.inputs if v in owners}
        boxes.append(_box(path, members, graph, sizes, counted, unit))
    for output in graph.outputs:
        if output.value in owners:
            edges[owners[output.value], len(boxes)] = None
        boxes.append(Box("output", output.name, (), "", str(output.value.type)))
    return Boxes(tuple(boxes), tuple(e for e in edges if e[0] != e[1]), unit)


def _parts(
    graph: Graph, nodes: Sequence[Node], group: Callable[[int, Node], str]
) -> tuple[list[tuple[str, list[Node]]], dict[Value, int]]:
    """Assign nodes to boxes; return the boxes with their paths, and the box number of every value.

    A group that uses what another group computed from it continues in a second box, so that edges lead down only.
    """
    first = len(graph.inputs)
    owners: dict[Value, int] = {v: i for i, v in enumerate(graph.inputs)}
    parts: list[tuple[str, list[Node]]] = []
    current: dict[str, int] = {}
    for i, node in enumerate(nodes):
        key = group(i, node)
        latest = max((owners[v] for v in node.inputs if v in owners), default=0)
        if key not in current or latest > first + current[key]:
            current[key] = len(parts)
            parts.append((key, []))
        parts[current[key]][1].append(node)
        owners |= dict.fromkeys(node.outputs, first + current[key])
    return parts, owners


def _grouping(nodes: Sequence[Node], name: str) -> tuple[Callable[[int, Node], str], str]:
    """Return the functions that give a node its box and a box its name."""
    if len(nodes) <= MAX_NODES:
        return (lambda i, node: str(i)), "op"
    paths = dict.fromkeys(n.origin or name for n in nodes)
    if len(paths) <= MAX_LAYERS:
        return (lambda i, node: node.origin or name), "layer"
    depth = max(path.count("/") for path in paths)
    while depth > 0 and len({_cut(path, depth) for path in paths}) > MAX_LAYERS:
        depth -= 1
    return (lambda i, node: _cut(node.origin or name, depth)), "group"


def _cut(path: str, depth: int) -> str:
    return "/".join(path.split("/")[: depth + 1])


def _box(
    key: str, members: Sequence[Node], graph: Graph, sizes: Mapping[str, int], counted: set[Value], unit: str
) -> Box:
    layers = tuple(dict.fromkeys(n.origin or graph.name for n in members))
    weights = [v for n in members for v in n.inputs if v.data is not None and v not in counted]
    unique = list(dict.fromkeys(weights))
    counted.update(unique)
    costs = [multiply_adds(n, sizes) for n in members]
    known = [c for c in costs if c is not None]
    ops = list(dict.fromkeys(n.op.name for n in members))
    title = " ".join(ops[:3]) + (f" +{len(ops) - 3}" if len(ops) > 3 else "")
    last = members[-1].outputs[0].type if members[-1].outputs else ""
    path = layers[0] if unit == "op" else key
    return Box(
        "op",
        title,
        layers,
        path,
        str(last),
        sum(v.data.size for v in unique if v.data is not None),
        sum(v.data.nbytes for v in unique if v.data is not None),
        sum(known) if len(known) == len(costs) else None,
    )
