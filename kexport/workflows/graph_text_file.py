"""`NAME.kx` beside the artifacts: the optimized graph as text, without its weights, for those who look at it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kexport.errors import GraphError, VerifyError
from kexport.ir.graph import Graph
from kexport.ir.op import Array
from kexport.ir.parser import parse_graph
from kexport.ir.text import to_text
from kexport.ir.types import TensorType

SUFFIX = ".kx"
MAX_SIZE = 64 << 20
"""Bytes."""


def write_graph(graph: Graph, path: Path) -> None:
    """Write the text form; weights of more than a few elements stand in it by type and hash alone."""
    path.write_text(to_text(graph) + "\n", encoding="utf-8")


def read_graph(path: Path) -> Graph:
    """The graph of such a file, with zeros, which take no memory, for the weights that are not in it.

    Raises:
        VerifyError: there is no such file, or it is damaged.
    """
    try:
        if path.stat().st_size > MAX_SIZE:
            raise GraphError(f"it has more than {MAX_SIZE} bytes")
        graph = parse_graph(path.read_text(encoding="utf-8"), absent=_zeros)
        if not graph.outputs:
            raise GraphError("it has no outputs")
        return graph
    except FileNotFoundError as e:
        raise VerifyError("there is no such file", where=str(path), hint="export the model again") from e
    except (GraphError, OSError, UnicodeDecodeError) as e:
        raise VerifyError(
            f"the graph cannot be read: {getattr(e, 'what', e)}", where=str(path), hint="export the model again"
        ) from e


def _zeros(type: TensorType) -> Array:
    return np.broadcast_to(np.zeros((), type.dtype.numpy), [int(d) for d in type.shape])  # type: ignore[arg-type]
