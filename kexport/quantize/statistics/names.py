"""Names the values of a graph, so that statistics of it can lie in a file."""

from __future__ import annotations

import hashlib

from kexport.ir.graph import Graph, Value
from kexport.ir.text import Names, to_text
from kexport.target import all_nodes


def value_names(graph: Graph) -> dict[Value, str]:
    """The name of every input and result of a graph: that of its text form, without the percent sign.

    The same graph has the same names in every process; an edit may change those of all values behind it.
    """
    names = Names(graph)
    values = [*graph.inputs, *(v for n in graph.nodes for v in n.outputs)]
    return {v: names[v].removeprefix("%") for v in values}


def graph_digest(graph: Graph) -> str:
    """A hash of all that a graph computes with: its text, and through it the content of its constants."""
    return hashlib.sha256(to_text(graph).encode()).hexdigest()


def layer_names(graph: Graph) -> list[str]:
    """The layers that the nodes of a graph come from, bodies included, each once and in order."""
    return list(dict.fromkeys(n.origin for n in all_nodes(graph) if n.origin))
