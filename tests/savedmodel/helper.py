"""Exports graphs to SavedModels and runs them in TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kexport.ir.contract import Contract, Port
from kexport.ir.graph import Graph
from kexport.ir.op import Array
from kexport_savedmodel import TARGET


def contract_of(graph: Graph) -> Contract:
    """The contract that a graph's own names and types make."""
    return Contract(
        tuple(Port(v.name, v.type) for v in graph.inputs),
        tuple(Port(o.name, o.value.type) for o in graph.outputs),
    )


def export(graph: Graph, path: Path) -> Path:
    """Legalize a copy of `graph`, write and validate it."""
    chosen = TARGET.options()
    copy = graph.copy()
    TARGET.legalize(copy, chosen)
    TARGET.write(copy, contract_of(graph), path, chosen)
    TARGET.validate(path)
    return path


def run(path: Path, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """The outputs of an artifact in TensorFlow."""
    return TARGET.runtimes()[0].load(path).run(inputs)
