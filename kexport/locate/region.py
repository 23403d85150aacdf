"""Cuts out the part of a graph that lies between some of its values."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from kexport.ir.dim import times
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph, Node, Value
from kexport.ir.op import Array


def cut(graph: Graph, ends: Sequence[Value], stops: Collection[Value], name: str) -> tuple[Graph, dict[str, Value]]:
    """Return the graph that computes `ends` from `stops`, or from the graph's own inputs on paths without a stop.

    Also return the values that its inputs stand for, by input name.
    """
    made = Graph(name)
    sources = dict[str, Value]()
    needed = _needed(ends, set(stops))
    env: dict[Value, Value] = {}
    for value in _borders(graph, needed, set(stops)):
        label = _free(_label(value), sources)
        env[value] = made.input(label, value.type)
        sources[label] = value
    for node in graph.nodes:
        if node in needed:
            operands = [v if v.is_constant else env[v] for v in node.inputs]
            added = made.add(node.op.copied(), *(_detached(v, env) for v in operands), origin=node.origin)
            env |= dict(zip(node.outputs, added.outputs, strict=True))
    names = dict.fromkeys(sources)
    for value in ends:
        label = _free(_label(value), names)
        names[label] = None
        made.output(label, env[value])
    return made, sources


def is_bindable(graph: Graph) -> bool:
    """Return whether the inputs of a graph determine the size of every symbol in it."""
    told = {found[0] for v in graph.inputs for d in v.type.shape if (found := times(d))}
    return graph.symbols() <= told


def all_values(graph: Graph, inputs: Mapping[str, Array]) -> dict[Value, Array]:
    """Evaluate a graph in float64 and return every value in its own element type, inputs included."""
    found: dict[Value, Array] = {v: inputs[v.name] for v in graph.inputs}

    def observe(node: Node, results: Sequence[Array]) -> None:
        with np.errstate(all="ignore"):
            found.update({v: a.astype(v.type.dtype.numpy) for v, a in zip(node.outputs, results, strict=True)})

    evaluate(graph, inputs, wide=True, observe=observe)
    return found


def _needed(ends: Sequence[Value], stops: set[Value]) -> set[Node]:
    found: set[Node] = set()
    queue = [v.producer for v in ends if v.producer]
    while queue:
        node = queue.pop()
        if node not in found:
            found.add(node)
            queue += [v.producer for v in node.inputs if v.producer and v not in stops]
    return found


def _borders(graph: Graph, needed: set[Node], stops: set[Value]) -> list[Value]:
    """Return the values that the needed nodes read but do not compute, in the order of the graph."""
    read = {v: None for n in graph.nodes if n in needed for v in n.inputs if not v.is_constant}
    return [v for v in read if v in stops or v.producer not in needed]


def _label(value: Value) -> str:
    """Make a name that every format accepts."""
    text = value.name if value.producer is None else value.producer.origin or value.producer.op.name
    return re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_") or "value"


def _free(label: str, taken: Collection[str]) -> str:
    number = 1
    name = label
    while name in taken:
        number += 1
        name = f"{label}_{number}"
    return name


def _detached(value: Value, env: dict[Value, Value]) -> Value:
    """Copy a constant into the new graph, so that uses stay separate."""
    return env.setdefault(value, Value(value.type, value.name, value.data)) if value.is_constant else value
