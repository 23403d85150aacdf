"""Windows with padding that differs from side to side."""

from __future__ import annotations

from dataclasses import replace

from kexport import ops
from kexport.ir.graph import Node
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.rule import Replacement

_NONE = ((0, 0),)


@rule(ops.DepthwiseConv)
def padded_depthwise(op: ops.DepthwiseConv, node: Node, rewriter: Rewriter) -> Replacement:
    """Padding of its own, for TensorFlow, which ends the process on padding that differs from side to side."""
    if isinstance(op.padding, str):
        return None
    padded = rewriter.add(ops.Pad((*_NONE, *op.padding, *_NONE)), node.inputs[0])
    return rewriter.add(replace(op, padding="valid"), padded, *node.inputs[1:])


RULES = (padded_depthwise,)
