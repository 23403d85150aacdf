"""A captured graph on disk: its text and its constants in one file, so that layers can be located anywhere."""

from __future__ import annotations

from pathlib import Path

from kexport.errors import GraphError, VerifyError
from kexport.ir.graph import Graph
from kexport.ir.parser import parse_graph
from kexport.ir.text import constant_table, to_text
from kexport.verify.tensors import load_tensors, save_tensors

SUFFIX = ".graph.safetensors"
FORMAT = 1


def save_graph(graph: Graph, path: Path) -> None:
    """Write a graph; nothing of the file depends on time or place.

    Raises:
        ConfigError: it holds a table of text.
        VerifyError: the disk refuses.
    """
    save_tensors(path, constant_table(graph), {"format": FORMAT, "graph": to_text(graph)})


def load_graph(path: Path) -> Graph:
    """Read a graph back.

    Raises:
        VerifyError: no file, a damaged one, or one that another version wrote.
    """
    constants, data = load_tensors(path)
    if data.get("format") != FORMAT or not isinstance(data.get("graph"), str):
        raise VerifyError(
            f"the file has format {data.get('format')!r}, this kexport reads {FORMAT}",
            where=str(path),
            hint="export the model again with --layers",
        )
    try:
        return parse_graph(data["graph"], constants)
    except GraphError as e:
        hint = "export the model again with --layers, by this version of kexport"
        raise VerifyError(f"the graph cannot be read: {e.what}", where=str(path), hint=hint) from e
