"""The functions of a SavedModel: which call which, and which arguments of theirs name a file to be read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from kexport.capture.sources.allowed.operations import TEXT_FILE_TABLES

CALLS = frozenset(("PartitionedCall", "StatefulPartitionedCall"))
"""Operations whose operands are the arguments of the one function that they call."""
FILE_OPERAND = 1
"""Which operand of a table of a text file names the file."""


class Library:
    """The functions of one graph, by name."""

    def __init__(self, library: Any):
        self.functions: dict[str, Any] = {f.signature.name: f for f in library.function}
        self._gradients: dict[str, str] = {g.function_name: g.gradient_func for g in library.gradient}
        self._arguments: dict[str, frozenset[int]] = {}
        self.astray: set[str] = set()
        """The functions in which a file is read whose name is no argument."""

    def called(self, node: Any) -> set[str]:
        """The functions that a node calls, by its own name or by its attributes."""
        names = {node.op, *named(node.attr)} & self.functions.keys()
        return names | {self._gradients[n] for n in names if n in self._gradients}

    def reaching(self, operations: Collection[str]) -> set[str]:
        """The functions that come to one of these operations, directly or through functions that they call."""
        found = {n for n, f in self.functions.items() if any(node.op in operations for node in f.node_def)}
        callers: dict[str, set[str]] = {}
        for name, function in self.functions.items():
            for node in function.node_def:
                for called in self.called(node):
                    callers.setdefault(called, set()).add(name)
        waiting = list(found)
        while waiting:
            new = callers.get(waiting.pop(), set()) - found
            found |= new
            waiting += new
        return found

    def file_arguments(self, name: str) -> frozenset[int]:
        """Which arguments of a function name a file that a table in it is read from.

        A function that takes the name from elsewhere is entered in `astray`.
        """
        if name not in self._arguments:
            self._arguments[name] = frozenset()  # of a function that calls itself
            self._arguments[name] = frozenset(self._find_file_arguments(name))
        return self._arguments[name]

    def file_operands(self, node: Any) -> list[int]:
        """Which operands of a node name a file; -1 for one that cannot be told."""
        if node.op in TEXT_FILE_TABLES:
            return [FILE_OPERAND]
        found = {name: self.file_arguments(name) for name in self.called(node)}
        if not any(found.values()):
            return []
        direct = node.op in CALLS or node.op in self.functions
        return sorted(found.popitem()[1]) if direct and len(found) == 1 else [-1]

    def _find_file_arguments(self, name: str) -> Iterator[int]:
        function = self.functions[name]
        arguments = {a.name: i for i, a in enumerate(function.signature.input_arg)}
        nodes = {n.name: n for n in function.node_def}
        for node in function.node_def:
            for operand in self.file_operands(node):
                origin = source_of(node, operand, nodes)
                if origin in arguments:
                    yield arguments[origin]
                else:
                    self.astray.add(name)


def source_of(node: Any, operand: int, nodes: Mapping[str, Any]) -> str:
    """The name of what an operand of a node is, seen through nodes that only pass it on; empty if there is none."""
    seen: set[str] = set()
    while 0 <= operand < len(node.input):
        name = node.input[operand].partition(":")[0]
        if name not in nodes or nodes[name].op != "Identity" or name in seen:
            return name
        seen.add(name)
        node = nodes[name]
        operand = 0
    return ""


def named(attributes: Mapping[str, Any]) -> Iterator[str]:
    """The functions that attributes name, and that attributes of these name."""
    for value in attributes.values():
        for function in (*([value.func] if value.HasField("func") else ()), *value.list.func):
            yield function.name
            yield from named(function.attr)


def all_nodes(graph: Any) -> Iterator[Any]:
    """The nodes of a graph and of its functions."""
    yield from graph.node
    for function in graph.library.function:
        yield from function.node_def


def behind(names: Iterable[str], nodes: Mapping[str, Any]) -> set[str]:
    """The nodes that have to be computed for tensors or nodes of a graph, by name."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop().removeprefix("^").partition(":")[0]
        if name in nodes and name not in found:
            found.add(name)
            waiting += nodes[name].input
    return found
