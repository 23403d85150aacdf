"""Normalization that Core ML has over the last axes and with constant parameters only."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Node
from kexport.passes.channels_first import sink_through_batch_norm
from kexport.passes.decompose import DECOMPOSE
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.rule import Replacement


@rule(ops.LayerNorm)
def other_layer_norm(op: ops.LayerNorm, node: Node, rewriter: Rewriter) -> Replacement:
    """Over other axes, or with computed parameters."""
    rank = node.output.type.rank
    last = sorted(a % rank for a in op.axes) == list(range(rank - len(op.axes), rank))
    if last and all(v.is_constant for v in node.inputs[1:]):
        return None
    return DECOMPOSE[ops.LayerNorm].apply(node, rewriter)


@rule(ops.BatchNorm)
def constant_batch_norm(op: ops.BatchNorm, node: Node, rewriter: Rewriter) -> Replacement:
    """Where the channels come first anyway, it is done there."""
    if not all(v.is_constant for v in node.inputs[1:]):
        return None
    return sink_through_batch_norm.apply(node, rewriter)


RULES = (other_layer_norm, constant_batch_norm)
