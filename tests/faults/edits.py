"""How faults are put into a graph: small edits of one node of a copy, whose types are inferred anew afterwards."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kexport.errors import GraphError
from kexport.ir.contract import Contract
from kexport.ir.graph import Graph, Node, Value
from kexport.ir.op import Array, Op
from kexport.ir.verifier import verify_graph

Where = Callable[[Node], bool]
Edit = Callable[[Graph, Node], None]
"""Edits a graph at a node; raises `Inapplicable` where the fault makes no sense."""
Build = Callable[[Graph, Node, Value], Value]
"""Makes of a node's result what takes its place; adds nodes with `put`."""


class Inapplicable(Exception):
    """The fault cannot be put here: it would change nothing, or the graph has not what it needs."""


def _same(contract: Contract) -> Contract:
    return contract


@dataclass(frozen=True)
class Fault:
    """One kind of fault in a graph: at which nodes it can be, how it is put there, and what becomes of the contract."""

    name: str
    where: Where
    edit: Edit
    contract: Callable[[Contract], Contract] = _same
    harmless: bool = False
    """Whether it is none: verification must accept it."""
    rounds: bool = False
    """Whether it is one of rounding, which float64 would not show."""


@dataclass(frozen=True)
class Injected:
    """A graph with a fault in it, and the contract that it is written with."""

    fault: Fault
    place: str
    graph: Graph
    contract: Contract = field(repr=False)


def inject(fault: Fault, graph: Graph, contract: Contract) -> Iterator[Injected]:
    """The graph with the fault at one place after the other: the first, the last, the middle one, the others."""
    places = [i for i, node in enumerate(graph.nodes) if fault.where(node)]
    for i in _spread(places):
        copy = graph.copy()
        node = next(n for j, n in enumerate(copy.nodes) if j == i)
        place = f"{node.op.name} {node.origin}".strip()
        try:
            fault.edit(copy, node)
            copy = copy.copy()
            verify_graph(copy)
            changed = fault.contract(contract)
        except (Inapplicable, GraphError):
            continue
        yield Injected(fault, place, copy, changed)


def _spread(places: list[int]) -> list[int]:
    first = [places[i] for i in dict.fromkeys((0, len(places) - 1, len(places) // 2))] if places else []
    return [*first, *(p for p in places if p not in first)]


# --- where


def at(*kinds: type[Op], test: Where = lambda node: True) -> Where:
    """At nodes of these ops."""
    return lambda node: isinstance(node.op, kinds) and test(node)


def first_node(node: Node) -> bool:
    """At one place in a graph, for what concerns all of it."""
    return node.graph is not None and next(node.graph.nodes) is node


def floats(node: Node) -> bool:
    """At nodes with one result, of floats."""
    return len(node.outputs) == 1 and node.output.type.dtype.is_float


# --- edits


def attributes(change: Callable[[Any], Any] | None = None, **values: Any) -> Edit:
    """Other attributes: `values`, or the op that `change` makes."""

    def edit(graph: Graph, node: Node) -> None:
        op = change(node.op) if change else dataclasses.replace(node.op, **values)
        if op == node.op:
            raise Inapplicable
        node.op = op

    return edit


def constant(index: int, change: Callable[[Array], Array]) -> Edit:
    """Another constant as operand `index`."""

    def edit(graph: Graph, node: Node) -> None:
        data = data_of(node, index)
        changed = np.ascontiguousarray(change(data)).astype(data.dtype, copy=False)
        if changed.shape == data.shape and np.array_equal(changed, data):
            raise Inapplicable
        graph.set_operand(node, index, graph.constant(changed))

    return edit


def bypass(index: int = 0) -> Edit:
    """The node is left out: who read its result reads operand `index`."""

    def edit(graph: Graph, node: Node) -> None:
        graph.replace(node.output, node.inputs[index])

    return edit


def result(build: Build) -> Edit:
    """Something else in the place of a node's result."""

    def edit(graph: Graph, node: Node) -> None:
        become(graph, node.output, lambda value: build(graph, node, value))

    return edit


def swap_operands(first: int = 0, second: int = 1) -> Edit:
    """Two operands in the other order."""

    def edit(graph: Graph, node: Node) -> None:
        a = node.inputs[first]
        b = node.inputs[second]
        if a is b:
            raise Inapplicable
        graph.set_operand(node, first, b)
        graph.set_operand(node, second, a)

    return edit


def swap_constants(index: int) -> Edit:
    """The constants of this node and of the next one with the same shape, exchanged."""

    def edit(graph: Graph, node: Node) -> None:
        mine = data_of(node, index)
        for other in graph.nodes:
            near = other is not node and isinstance(other.op, type(node.op)) and len(other.inputs) > index
            theirs = other.inputs[index].data if near else None
            if theirs is not None and theirs.shape == mine.shape and not np.array_equal(theirs, mine):
                graph.set_operand(node, index, graph.constant(theirs))
                graph.set_operand(other, index, graph.constant(mine))
                return
        raise Inapplicable

    return edit


def replaced_by(make: Callable[[Any], Op]) -> Edit:
    """Another op on the same operands."""
    return attributes(make)


# --- helpers of edits


def data_of(node: Node, index: int) -> Array:
    """The constant that a node has as operand `index`."""
    data = node.inputs[index].data if len(node.inputs) > index else None
    if data is None:
        raise Inapplicable
    return data


def put(graph: Graph, after: Node, op: Op, *operands: Value) -> Value:
    """The result of a new node, added right after another one and after what was put there before."""
    following = after.next
    while isinstance(following, Node) and following.origin == "fault":
        following = following.next
    before = following if isinstance(following, Node) else None
    return graph.add(op, *operands, origin="fault", before=before).output


def become(graph: Graph, old: Value, make: Callable[[Value], Value]) -> None:
    """Let all who read `old` read what is made of it, of whatever type."""
    uses = list(old.uses)
    new = make(old)
    for use in uses:
        graph.set_operand(use.node, use.index, new)
    graph._outputs = [o._replace(value=new) if o.value is old else o for o in graph._outputs]
