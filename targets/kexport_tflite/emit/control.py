"""Loops and branches: their bodies are further subgraphs of the file."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Graph, Node
from kexport_tflite.bodies import emit_graph
from kexport_tflite.context import Context
from kexport_tflite.emit.table import EMIT


@EMIT(ops.If)
def if_else(context: Context, node: Node) -> None:
    """IF; both branches get all operands but the condition."""
    op = node.op
    assert isinstance(op, ops.If)
    then, orelse = (_subgraph(context, body) for body in (op.then, op.orelse))
    context.emit("IF", node, then_subgraph_index=then, else_subgraph_index=orelse)


@EMIT(ops.While)
def while_loop(context: Context, node: Node) -> None:
    """WHILE; state that the body hands on in its own tensor is never copied."""
    op = node.op
    assert isinstance(op, ops.While)
    cond, body = _subgraph(context, op.cond), _subgraph(context, op.body, loops=True)
    context.emit("WHILE", node, cond_subgraph_index=cond, body_subgraph_index=body)


def _subgraph(context: Context, body: Graph, loops: bool = False) -> int:
    """The number of a new subgraph."""
    inner = context.inner(body)
    emit_graph(inner, body, EMIT, loops)
    return inner.number
