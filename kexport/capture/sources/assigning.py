"""Functions that assign their variables: an artifact keeps nothing from one run to the next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kexport.errors import CaptureError

CALLS = {"PartitionedCall": 0, "StatefulPartitionedCall": 0, "While": 0, "StatelessWhile": 0, "If": 1, "StatelessIf": 1}
"""Ops that call functions -> how many of their inputs come before those of the function."""


def refuse_training(function: Any, where: str) -> None:
    """Raise CaptureError if a function changes its weights, or reads what it has assigned."""
    names = list(dict.fromkeys(_assigned(function)))
    if names:
        raise CaptureError(
            f"the function assigns its variables ({', '.join(names)}), as training does, and an artifact keeps nothing "
            "from one run to the next",
            where=where,
            hint="choose a signature that only computes, with --signature, or save the model with one",
        )


def _assigned(function: Any) -> Iterator[str]:
    """The names of weights that are assigned, and of other variables that are read after they were."""
    variables = {id(v.handle): v for v in function.graph.variables}
    handles = {inner.op.name: variables[id(o)] for o, inner in function.graph.captures if id(o) in variables}
    definition = function.graph.as_graph_def()
    library = {f.signature.name: f for f in definition.library.function}
    yield from _in_nodes(definition.node, handles, library, set())


def _in_nodes(
    nodes: Iterable[Any], handles: Mapping[str, Any], library: Mapping[str, Any], seen: set[tuple[str, ...]]
) -> Iterator[str]:
    known = dict(handles)
    assigning = set[str]()
    for node in nodes:
        inputs = [name.partition(":")[0] for name in node.input if not name.startswith("^")]
        variable = known.get(inputs[0]) if inputs else None
        if node.op == "Identity" and variable is not None:
            known[node.name] = variable
        elif variable is not None and node.op.startswith(("Assign", "ResourceApply", "ResourceScatter")):
            assigning.add(node.name)
            if variable.trainable:
                yield _named(variable)
        elif variable is not None and node.op == "ReadVariableOp":
            if any(name[1:] in assigning for name in node.input if name.startswith("^")):
                yield _named(variable)
        elif node.op in CALLS:
            yield from _in_calls(node, inputs[CALLS[node.op] :], known, library, seen)


def _in_calls(
    node: Any, inputs: list[str], known: Mapping[str, Any], library: Mapping[str, Any], seen: set[tuple[str, ...]]
) -> Iterator[str]:
    for attribute in node.attr.values():
        called = library.get(attribute.func.name) if attribute.HasField("func") else None
        if called is None:
            continue
        given = {
            argument.name: known[name]
            for argument, name in zip(called.signature.input_arg, inputs, strict=False)
            if name in known
        }
        key = (called.signature.name, *(f"{name} {id(v)}" for name, v in given.items()))
        if key not in seen:
            seen.add(key)
            yield from _in_nodes(called.node_def, given, library, seen)


def _named(variable: Any) -> str:
    return str(variable.name).partition(":")[0]
