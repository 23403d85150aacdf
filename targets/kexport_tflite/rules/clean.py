"""What the other rules leave behind."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Node
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.rule import Replacement


@rule(ops.Reshape)
def merge_reshapes(node: Node, rewriter: Rewriter) -> Replacement:
    """A reshape of a reshape is one, or none."""
    (x,) = node.inputs
    if x.type == node.output.type:
        return x
    above = x.producer
    if above is None or not isinstance(above.op, ops.Reshape):
        return None
    return rewriter.add(node.op, above.inputs[0])


@rule(ops.Transpose)
def merge_transposes(node: Node, rewriter: Rewriter) -> Replacement:
    """A transpose of a transpose is one, or none."""
    assert isinstance(node.op, ops.Transpose)
    (x,), perm = node.inputs, node.op.perm
    if perm == tuple(range(len(perm))):
        return x
    above = x.producer
    if above is None or not isinstance(above.op, ops.Transpose):
        return None
    inner = above.op.perm
    return rewriter.add(ops.Transpose(tuple(inner[p] for p in perm)), above.inputs[0])


@rule(ops.Slice)
def slice_nothing(node: Node, rewriter: Rewriter) -> Replacement:
    """All of every axis."""
    return node.inputs[0] if node.inputs[0].type == node.output.type else None


CLEAN_RULES = (merge_reshapes, merge_transposes, slice_nothing)
