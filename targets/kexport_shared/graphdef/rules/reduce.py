"""Softmax along other axes than the last."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Node
from kexport.passes.decompose import DECOMPOSE
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.rule import Replacement


@rule(ops.Softmax, ops.LogSoftmax)
def softmax_of_another_axis(op: ops.Softmax | ops.LogSoftmax, node: Node, rewriter: Rewriter) -> Replacement:
    """TensorFlow's runs along the last axis."""
    if op.axis % node.output.type.rank == node.output.type.rank - 1:
        return None
    return DECOMPOSE[type(op)].apply(node, rewriter)


RULES = (softmax_of_another_axis,)
