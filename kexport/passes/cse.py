"""Merges equal computations: the same op on the same operands is done once. The first one's layer path stays."""

from __future__ import annotations

from collections.abc import Hashable

from kexport.ir.graph import Graph, Node, Value
from kexport.rewrite import Log

_SMALL = 1 << 12
"""Constants of up to so many bytes are compared by content, larger ones by the memory they hold."""


class CommonSubexpressions:
    """The pass."""

    name = "cse"

    def run(self, graph: Graph, log: Log | None = None) -> bool:
        """Merge from the first node to the last, in bodies too."""
        changed = _merge_constants(graph)
        first: dict[Hashable, Node] = {}
        for node in graph.nodes:
            for body in node.op.bodies():
                changed |= self.run(body, log)
            same = first.setdefault((type(node.op), node.op, *map(id, node.inputs)), node)
            if same is node or repr(same.op) != repr(node.op):  # 0.0 equals -0.0, True equals 1
                continue
            for old, new in zip(node.outputs, same.outputs, strict=True):
                graph.replace(old, new)
            graph.erase(node)
            changed = True
            if log is not None:
                log.fired[self.name] += 1
        return changed


def _merge_constants(graph: Graph) -> bool:
    first: dict[Hashable, Value] = {}
    changed = False
    for value in graph.constants:
        same = first.setdefault(_content(value), value)
        if same is not value:
            graph.replace(value, same)
            changed = True
    return changed


def _content(value: Value) -> Hashable:
    data = value.data
    assert data is not None
    if data.nbytes <= _SMALL and data.dtype != object:
        return value.type, data.tobytes()
    return value.type, data.__array_interface__["data"], data.strides


PASS = CommonSubexpressions()
