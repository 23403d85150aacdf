"""Loops and branches: operations with blocks."""

from __future__ import annotations

from collections.abc import Sequence

from kexport import ops
from kexport.ir.graph import Graph, Node, Value
from kexport_coreml.context import Context
from kexport_coreml.emit.table import EMIT
from kexport_coreml.refs import Block, Call, Ref, identifier
from kexport_shared.emit.walk import emit_nodes


@EMIT(ops.If)
def branch(e: Context, op: ops.If, node: Node) -> None:
    """The blocks take nothing: they see the operands where they are."""
    condition, *operands = e.refs(node)
    blocks = [_block(e, node, body, operands, [o.value for o in body.outputs]) for body in (op.then, op.orelse)]
    results = [(e.computed(v.type.dtype), v.type.shape) for v in node.outputs]
    e.bind(node, *e.op_all("cond", results, blocks, pred=condition))


@EMIT(ops.While)
def loop(e: Context, op: ops.While, node: Node) -> None:
    """State that never changes is seen where it is; the rest is handed from step to step."""
    state = list(e.refs(node))
    moving = [k for k, (i, o) in enumerate(zip(op.body.inputs, op.body.outputs, strict=True)) if o.value is not i]
    moving = moving or [0]
    name = identifier(node.origin or "while")
    inner = list(state)
    for k in moving:
        inner[k] = Ref(e.unique(f"{name}_state_{k}"), state[k].dtype, state[k].shape)
    inputs = [inner[k] for k in moving]
    results = [[o.value for o in op.cond.outputs], [op.body.outputs[k].value for k in moving]]
    bodies = zip((op.cond, op.body), results, strict=True)
    blocks = [_block(e, node, body, inner, made, inputs) for body, made in bodies]
    types = [(r.dtype, r.shape) for r in inputs]
    last = e.op_all("while_loop", types, blocks, loop_vars=[state[k] for k in moving])
    for k, ref in zip(moving, last, strict=True):
        state[k] = ref
    e.bind(node, *state)


def _block(
    e: Context, node: Node, body: Graph, given: Sequence[Ref], results: Sequence[Value], inputs: Sequence[Ref] = ()
) -> Block:
    """A body as a block, its inputs being `given`; each result is made by an operation of its own."""
    with e.block(inputs) as block:
        for value, ref in zip(body.inputs, given, strict=True):
            e.declare(value, ref)
        emit_nodes(e, body, EMIT)
        e.enter(node)
        for value in results:
            ref = e.ref(value)
            fresh = {r.name for s in block.program.steps if isinstance(s, Call) for r in s.outputs}
            block.outputs.append((ref if ref.name in fresh - {*block.outputs} else e.op("identity", x=ref)).name)
    return block
