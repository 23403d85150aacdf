"""Changes that are no faults: verification must accept each of them, or nobody would believe it."""

from __future__ import annotations

import numpy as np

from kexport import ops
from kexport.ir.graph import Graph, Node, Value
from kexport.ir.op import Array
from kexport.ir.types import DType
from tests.faults.edits import Fault, Inapplicable, at, constant, first_node, floats, put, result, swap_operands
from tests.faults.weights import WEIGHTED


def _next_up(array: Array) -> Array:
    return np.nextafter(array, np.float32(np.inf)) if array.dtype == np.float32 else array


def _one_next_up(array: Array) -> Array:
    if array.dtype != np.float32:
        raise Inapplicable
    copy = array.copy()
    copy.flat[0] = np.nextafter(copy.flat[0], np.float32(np.inf))
    return copy


def _renamed(graph: Graph, node: Node) -> None:
    for i, each in enumerate(graph.nodes):
        each.origin = f"renamed/{i}"
        for value in each.outputs:
            value.name = f"t{i}"


def _reordered(graph: Graph, node: Node) -> None:
    """Another topological order: what became ready last comes first."""
    waiting = list(graph.nodes)
    ready = set(graph.inputs)
    done: list[Node] = []
    while waiting:
        free = [n for n in waiting if all(v.is_constant or v in ready for v in n.inputs)]
        chosen = free[-1]
        waiting.remove(chosen)
        done.append(chosen)
        ready.update(chosen.outputs)
    if done == list(graph.nodes):
        raise Inapplicable
    other = Graph(graph.name)
    env: dict[Value, Value] = {v: other.input(v.name, v.type) for v in graph.inputs}
    for each in done:
        made = other.add(each.op, *(v if v.is_constant else env[v] for v in each.inputs), origin=each.origin)
        env.update(zip(each.outputs, made.outputs, strict=True))
    for name, value in graph.outputs:
        other.output(name, env.get(value, value))
    graph.become(other)


def _through_double(graph: Graph, node: Node, value: Value) -> Value:
    wide = put(graph, node, ops.Cast(dtype=DType.F64), value)
    return put(graph, node, ops.Cast(dtype=value.type.dtype), wide)


def _unused(graph: Graph, node: Node) -> None:
    graph.add(ops.Exp(), node.output, origin="unused", before=None)


def _there_and_back(graph: Graph, node: Node, value: Value) -> Value:
    rank = value.type.rank
    if rank < 2:
        raise Inapplicable
    perm = (0, *range(rank - 1, 0, -1))
    return put(graph, node, ops.Transpose(perm=perm), put(graph, node, ops.Transpose(perm=perm), value))


def _plus_zero(graph: Graph, node: Node, value: Value) -> Value:
    return put(graph, node, ops.Add(), value, graph.constant(np.float32(0)))


TABLE = (
    Fault("as it is", first_node, lambda g, n: None, harmless=True),
    Fault("one weight off by an ulp", at(*WEIGHTED), constant(1, _one_next_up), harmless=True),
    Fault("bias off by an ulp", at(*WEIGHTED), constant(2, _next_up), harmless=True),
    Fault("nodes in another order", first_node, _reordered, harmless=True),
    Fault("internal names changed", first_node, _renamed, harmless=True),
    Fault("sum with operands swapped", at(ops.Add, ops.Mul, ops.Maximum, ops.Minimum), swap_operands(), harmless=True),
    Fault("a node that nobody reads", at(*WEIGHTED), _unused, harmless=True),
    Fault("transposed there and back", floats, result(_there_and_back), harmless=True),
    Fault("zero added", floats, result(_plus_zero), harmless=True),
    Fault("through double precision", floats, result(_through_double), harmless=True),
)
