"""Activation functions that the wasm backend has in one form."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Node
from kexport.passes.decompose import DECOMPOSE
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.rule import Replacement


@rule(ops.Prelu)
def prelu_of_positions(op: ops.Prelu, node: Node, rewriter: Rewriter) -> Replacement:
    """The wasm backend takes alpha for one number a channel, whatever its shape."""
    x, alpha = node.inputs
    if alpha.type.numel == alpha.type.shape[-1:][0] == x.type.shape[-1]:
        return None
    return DECOMPOSE[ops.Prelu].apply(node, rewriter)


RULES = (prelu_of_positions,)
