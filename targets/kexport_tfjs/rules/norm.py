"""Normalization of many axes."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Node
from kexport.passes.decompose import DECOMPOSE
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.rule import Replacement

MOST_NORM_AXES = 4


@rule(ops.BatchNorm)
def large_batch_norm(op: ops.BatchNorm, node: Node, rewriter: Rewriter) -> Replacement:
    """There is none for more than four axes."""
    if node.output.type.rank <= MOST_NORM_AXES:
        return None
    return DECOMPOSE[ops.BatchNorm].apply(node, rewriter)


RULES = (large_batch_norm,)
