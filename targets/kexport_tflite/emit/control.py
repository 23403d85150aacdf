"""Loops and branches: their bodies are further subgraphs of the file."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Graph, Node
from kexport_tflite.bodies import emit_graph
from kexport_tflite.context import Context
from kexport_tflite.emit.table import EMIT


@EMIT(ops.If)
def if_else(e: Context, op: ops.If, node: Node) -> None:
    """IF; both branches get all operands but the condition."""
    then, orelse = (_subgraph(e, body) for body in (op.then, op.orelse))
    e.emit("IF", node, then_subgraph_index=then, else_subgraph_index=orelse)


@EMIT(ops.While)
def while_loop(e: Context, op: ops.While, node: Node) -> None:
    """WHILE; state that the body hands on in its own tensor is never copied."""
    cond = _subgraph(e, op.cond)
    body = _subgraph(e, op.body, loops=True)
    e.emit("WHILE", node, cond_subgraph_index=cond, body_subgraph_index=body)


def _subgraph(e: Context, body: Graph, loops: bool = False) -> int:
    """The number of a new subgraph."""
    inner = e.inner(body)
    emit_graph(inner, body, EMIT, loops)
    return inner.number
