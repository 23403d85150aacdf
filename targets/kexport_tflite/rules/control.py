"""Loops: what WHILE need not copy in every step."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Node
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.rule import Replacement


@rule(ops.While)
def read_before(node: Node, rewriter: Rewriter) -> Replacement:
    """State that the body hands on as it is, is read off the operand: WHILE then shares its memory with the body."""
    op = node.op
    assert isinstance(op, ops.While)
    same = [o.value is v for o, v in zip(op.body.outputs, op.body.inputs, strict=True)]
    if not any(s and rewriter.graph.is_used(v) for s, v in zip(same, node.outputs, strict=True)):
        return None
    return tuple(old if s else new for s, old, new in zip(same, node.inputs, node.outputs, strict=True))


CONTROL_RULES = (read_before,)
