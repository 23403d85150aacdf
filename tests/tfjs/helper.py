"""Exports graphs to TensorFlow.js and runs them in one engine, kept between models."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kexport.ir.graph import Graph
from kexport.ir.op import Array
from kexport.lowered import lower_for
from kexport_shared.js.engine import Engine
from kexport_tfjs import TARGET
from kexport_tfjs.options import TfjsOptions
from kexport_tfjs.runtime import open_session


def export(graph: Graph, path: Path, **options: Any) -> Path:
    """Legalize a copy of `graph`, write and validate it."""
    lower_for(TARGET, TfjsOptions(**options), graph).write(path)
    TARGET.validate(path)
    return path


def run(engine: Engine, path: Path, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """The outputs of an artifact in an engine that reads files."""
    return open_session(engine, path, str(path)).run(inputs)
