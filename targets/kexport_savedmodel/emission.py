"""Runs the emitters over a graph."""

from __future__ import annotations

from kexport.ir.contract import Contract
from kexport.ir.graph import Graph
from kexport_savedmodel.context import TENSORFLOW
from kexport_savedmodel.emit import EMIT
from kexport_shared.graphdef.emission import Emitted
from kexport_shared.graphdef.emission import emit as emit_with


def emit(graph: Graph, contract: Contract) -> Emitted:
    """The GraphDef of a legalized graph.

    Raises:
        EmitError: a node cannot be emitted in this form; names the layer path.
        UnsupportedError: nodes without an emitter, all of them.
    """
    return emit_with(graph, contract, TENSORFLOW, EMIT)
