"""The ends of a graph and those of its contract."""

from __future__ import annotations

from kexport.errors import EmitError
from kexport.ir.contract import Contract
from kexport.ir.graph import Graph


def require_ends(graph: Graph, contract: Contract) -> None:
    """Require as many inputs and outputs in a graph as in its contract.

    Raises:
        EmitError: there are others.
    """
    if len(graph.inputs) != len(contract.inputs) or len(graph.outputs) != len(contract.outputs):
        raise EmitError("the graph and the contract have different inputs or outputs", where=graph.name)
