"""Stores a captured graph, text and constants in one file, so that layers can be located anywhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from kexport.errors import GraphError, VerifyError
from kexport.evidence.tensors import load_tensors, save_tensors
from kexport.ir.graph import Graph
from kexport.ir.op import Array
from kexport.ir.parser import parse_graph
from kexport.ir.text import constant_table, to_text

SUFFIX = ".graph.safetensors"
FORMAT = 1
Find = Callable[[str, Collection[str]], Mapping[str, Array]]
"""Finds constants by the name of the model's file that holds them, and by their content hashes."""
_HASH = re.compile(r" = const #([0-9a-f]+)$", re.MULTILINE)


def save_graph(graph: Graph, path: Path, left_out: Collection[str] = (), source: str = "") -> None:
    """Write a graph; the bytes do not depend on time or place.

    Constants with the content hashes in `left_out` are in the model's file, whose name is `source`.

    Raises:
        ConfigError: it holds a table of text.
        VerifyError: the disk refuses.
    """
    table = {key: array for key, array in constant_table(graph).items() if key not in left_out}
    save_tensors(path, table, {"format": FORMAT, "graph": to_text(graph)} | ({"source": source} if source else {}))


def load_graph(path: Path, find: Find | None = None) -> Graph:
    """Read a graph back; `find` supplies the constants that are not in the file.

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
    missing = set(_HASH.findall(data["graph"])) - constants.keys() if find and "source" in data else set()
    if find and missing:
        constants |= find(str(data["source"]), missing)
    try:
        return parse_graph(data["graph"], constants)
    except GraphError as e:
        hint = "export the model again with --layers, by this version of kexport"
        raise VerifyError(f"the graph cannot be read: {e.what}", where=str(path), hint=hint) from e
