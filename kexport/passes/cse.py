"""Merges equal computations: the same op on the same operands runs once, under the layer path of the first."""

from __future__ import annotations

from collections.abc import Hashable

from kexport.ir.graph import Graph, Node, Value
from kexport.ir.op import Array, identity
from kexport.rewrite import Log

_SMALL = 1 << 12
"""Constants up to this size are compared by all their bytes; larger ones first by a sample."""
_SAMPLE = 64


class CommonSubexpressions:
    """The pass."""

    name = "cse"

    def run(self, graph: Graph, log: Log | None = None) -> bool:
        """Merge from the first node to the last, in bodies too."""
        changed = _merge_constants(graph)
        first: dict[Hashable, Node] = {}
        for node in graph.nodes:
            for body in node.bodies:
                changed |= self.run(body, log)
            same = first.setdefault((identity(node.op), *map(id, node.inputs)), node)
            if same is node:
                continue
            for old, new in zip(node.outputs, same.outputs, strict=True):
                graph.replace(old, new)
            graph.erase(node)
            changed = True
            if log is not None:
                log.fired[self.name] += 1
        return changed


def _merge_constants(graph: Graph) -> bool:
    known: dict[Hashable, list[Value]] = {}
    changed = False
    for value in graph.constants:
        alike = known.setdefault(_content(value), [])
        same = next((v for v in alike if _is_same(v, value)), None)
        if same is None:
            alike.append(value)
        else:
            graph.replace(value, same)
            changed = True
    return changed


def _content(value: Value) -> Hashable:
    """Return a sample of a constant's elements, which rarely agrees between different constants."""
    data = value.data
    assert data is not None
    if data.dtype == object:
        return _place(data)
    if data.nbytes <= _SMALL:
        return value.type, data.tobytes()
    return value.type, data.flat[:: max(data.size // _SAMPLE, 1)].tobytes()


def _is_same(a: Value, b: Value) -> bool:
    assert a.data is not None
    assert b.data is not None
    if a.data.nbytes <= _SMALL or a.data.dtype == object or _place(a.data) == _place(b.data):
        return True
    return a.data.tobytes() == b.data.tobytes()


def _place(data: Array) -> Hashable:
    """Identify the memory that an array views."""
    return data.dtype.str, data.shape, data.__array_interface__["data"], data.strides


PASS = CommonSubexpressions()
