"""Resizing of images whose size is open."""

from __future__ import annotations

from kexport import ops
from kexport.ir.dim import SymDim
from kexport.ir.graph import Node
from kexport.passes.decompose import DECOMPOSE
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.rule import Replacement


@rule(ops.Resize)
def resize_of_open_size(op: ops.Resize, node: Node, rewriter: Rewriter) -> Replacement:
    """What the engines have no operation for."""
    old = node.inputs[0].type.shape[1:3]
    native = op.method == "nearest" or (op.method == "bilinear" and not op.antialias)
    if native or old == op.size or not any(isinstance(d, SymDim) for d in (*old, *op.size)):
        return None
    return DECOMPOSE[ops.Resize].apply(node, rewriter)


RULES = (resize_of_open_size,)
