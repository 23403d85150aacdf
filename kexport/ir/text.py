"""Prints the text form of a graph: complete, readable, and read back by `kexport.ir.parser`."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any, cast

import numpy as np

from kexport.ir.graph import Graph, Node, Value
from kexport.ir.op import Array, Op, is_graph

MAX_LITERAL = 32
"""Constants with more elements are printed as a content hash and kept in a side table."""
_PLAIN = re.compile(r"[A-Za-z0-9_.]+")


def to_text(graph: Graph) -> str:
    """Print a graph. Constants of more than 32 elements appear as `#hash`; see `constant_table`."""
    return "\n".join(line for line, _ in numbered_lines(graph, Names(graph)))


def constant_table(graph: Graph) -> dict[str, Array]:
    """Return the side table of the text: the constants printed as a hash, bodies included, by hash."""
    table = {content_hash(v.data): v.data for v in graph.constants if v.data is not None and not _is_literal(v.data)}
    for node in graph.nodes:
        for body in node.bodies:
            table |= constant_table(body)
    return table


def content_hash(data: Array) -> str:
    """Hash an array's type and bytes."""
    digest = hashlib.sha256(f"{data.dtype}{data.shape}".encode())
    for chunk in _chunks(data):
        digest.update(chunk)
    return digest.hexdigest()[:16]


class Names:
    """Choose the printed name of each value: its own if it has one that is free, else a number."""

    def __init__(self, graph: Graph):
        self._names: dict[Value, str] = {}
        taken: set[str] = set()
        anonymous = 0
        for value in dict.fromkeys(_values(graph)):
            name = value.name
            if not name or name in taken:
                while str(anonymous) in taken:
                    anonymous += 1
                name = str(anonymous)
            taken.add(name)
            self._names[value] = name

    def __getitem__(self, value: Value) -> str:
        name = self._names.get(value, "?")
        return "%" + (name if _PLAIN.fullmatch(name) else json.dumps(name))


def numbered_lines(graph: Graph, names: Names, indent: str = "") -> Iterator[tuple[str, Node | None]]:
    """Return the lines of the text, each with the node it shows, or None."""
    params = ", ".join(f"{names[v]}: {v.type}" for v in graph.inputs)
    yield f"{indent}graph {json.dumps(graph.name)} ({params}) {{", None
    shown: set[Value] = set()
    for node in graph.nodes:
        yield from ((line, None) for line in _constants(node.inputs, shown, names, indent))
        yield f"{indent}  {node_text(node, names, indent + '  ')}", node
    outputs = graph.outputs
    yield from ((line, None) for line in _constants([o.value for o in outputs], shown, names, indent))
    results = ", ".join(f"{json.dumps(o.name)}: {names[o.value]}" for o in outputs)
    yield f"{indent}  return {results}", None
    yield f"{indent}}}", None


def node_text(node: Node, names: Names, indent: str = "") -> str:
    """Print one node."""
    results = ", ".join(f"{names[v]}: {v.type}" for v in node.outputs)
    operands = ", ".join(names[v] for v in node.inputs)
    attributes = attributes_text(node.op, indent)
    origin = f" @{json.dumps(node.origin)}" if node.origin else ""
    return f"{results} = {node.op.name}({operands}){attributes}{origin}"


def attributes_text(op: Op, indent: str = "") -> str:
    """Print the attributes that differ from their defaults, in braces; empty if there are none."""
    shown: list[str] = []
    for field in dataclasses.fields(op):
        value = getattr(op, field.name)
        if field.default is dataclasses.MISSING or field.default != value or type(field.default) is not type(value):
            shown.append(f"{field.name}={attribute_text(value, indent)}")
    return f" {{{', '.join(shown)}}}" if shown else ""


def attribute_text(value: Any, indent: str = "") -> str:
    """Print an attribute value: number, true/false/none, "string", dim, dtype, [list] or graph."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, tuple):
        return f"[{', '.join(attribute_text(v, indent) for v in cast('tuple[Any, ...]', value))}]"
    if is_graph(value):
        lines = [line for line, _ in numbered_lines(value, Names(value), indent)]
        return "\n".join(lines).lstrip()
    return repr(float(value)) if isinstance(value, float) else str(value)


def literal(data: Array) -> str:
    """Print a small constant: `0.5`, `[[1, 2], [3, 4]]`."""
    if data.ndim:
        return f"[{', '.join(literal(np.asarray(row, data.dtype)) for row in data)}]"
    if data.dtype.kind in "bO":
        return json.dumps(data.item())
    return str(data[()]).strip("()")


def _is_literal(data: Array) -> bool:
    return data.size <= MAX_LITERAL and 0 not in data.shape


def _constants(values: Any, shown: set[Value], names: Names, indent: str) -> Iterator[str]:
    for value in values:
        if value.data is not None and value not in shown:
            shown.add(value)
            text = literal(value.data) if _is_literal(value.data) else f"#{content_hash(value.data)}"
            yield f"{indent}  {names[value]}: {value.type} = const {text}"


def _values(graph: Graph) -> Iterator[Value]:
    yield from graph.inputs
    for node in graph.nodes:
        yield from (v for v in node.inputs if v.is_constant)
        yield from node.outputs
    yield from (o.value for o in graph.outputs if o.value.is_constant)


def _chunks(data: Array) -> Iterator[Any]:
    if data.dtype == object:
        yield json.dumps(data.ravel().tolist()).encode()
    elif data.flags.c_contiguous or data.ndim == 0 or data.nbytes < 1 << 24:
        yield np.ascontiguousarray(data).reshape(-1).view(np.uint8).data
    else:
        for row in data:
            yield from _chunks(row)
