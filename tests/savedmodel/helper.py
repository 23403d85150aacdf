"""Exports graphs to SavedModels and runs them in TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kexport.ir.graph import Graph
from kexport.ir.op import Array
from kexport.lowered import lower_for
from kexport_savedmodel import TARGET


def export(graph: Graph, path: Path) -> Path:
    """Legalize a copy of `graph`, write and validate it."""
    lower_for(TARGET, TARGET.options(), graph).write(path)
    TARGET.validate(path)
    return path


def run(path: Path, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """The outputs of an artifact in TensorFlow."""
    return TARGET.runtimes()[0].load(path).run(inputs)
