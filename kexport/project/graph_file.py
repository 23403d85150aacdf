"""`NAME.kx` beside the artifacts: the optimized graph as text, without its weights, for those who look at it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from kexport.errors import GraphError, VerifyError
from kexport.ir.graph import Graph
from kexport.ir.op import Array
from kexport.ir.parser import parse_graph
from kexport.ir.text import to_text
from kexport.ir.types import TensorType

SUFFIX = ".kx"
_WEIGHT = re.compile(r": (\w+\[[^\]]*\]) = const #([0-9a-f]+)$", re.MULTILINE)


def write_graph(graph: Graph, path: Path) -> None:
    """Write the text form; weights of more than a few elements stand in it by type and hash alone."""
    path.write_text(to_text(graph) + "\n", encoding="utf-8")


def read_graph(path: Path) -> Graph:
    """The graph of such a file, with zeros, which take no memory, for the weights that are not in it.

    Raises:
        VerifyError: there is no such file, or it is damaged.
    """
    try:
        text = path.read_text(encoding="utf-8")
        return parse_graph(text, {key: _zeros(type) for type, key in _WEIGHT.findall(text)})
    except FileNotFoundError as e:
        raise VerifyError("there is no such file", where=str(path), hint="export the model again") from e
    except (GraphError, ValueError) as e:
        raise VerifyError(f"the graph cannot be read: {e}", where=str(path), hint="export the model again") from e


def _zeros(type: str) -> Array:
    parsed = TensorType.parse(type)
    return np.broadcast_to(np.zeros((), parsed.dtype.numpy), [int(d) for d in parsed.shape])  # type: ignore[arg-type]
