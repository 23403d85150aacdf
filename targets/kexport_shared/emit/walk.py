"""The walk over a graph that every emission makes."""

from __future__ import annotations

from kexport.errors import EmitError
from kexport.ir.graph import Graph
from kexport.target import EmitterTable
from kexport_shared.emit.protocol import Walked


def emit_nodes(e: Walked, graph: Graph, emitters: EmitterTable) -> None:
    """Emit all nodes of a graph, or of a body whose inputs are known to `e`.

    Raises:
        EmitError: a node cannot be emitted in this form; names the layer path.
    """
    for node in graph.nodes:
        e.enter(node)
        try:
            emitters.emit(e, node)
        except EmitError as error:
            raise error.located(node.origin) from None
