"""Resizing of images whose size is open, where Core ML has no operation for it."""

from __future__ import annotations

from kexport import ops
from kexport.ir.dim import SymDim
from kexport.ir.graph import Node
from kexport.ops.resample import grows
from kexport.passes.decompose import DECOMPOSE
from kexport.rewrite import Rewriter, Rule, rule
from kexport.rewrite.rule import Replacement


def resize_of_open_size(ios: int) -> Rule:
    """A rule for what no operation of this system does: rows and columns are gathered, or weighed."""

    @rule(ops.Resize)
    def resize_of_open_size(op: ops.Resize, node: Node, rewriter: Rewriter) -> Replacement:
        x = node.inputs[0].type
        old = x.shape[1:3]
        new = op.size
        if not any(isinstance(d, SymDim) for d in (*old, *new)) or old == new:
            return None
        whole = grows(old, new)
        plain = op.method == "bilinear" and not op.antialias
        if op.method == "nearest" and whole and x.dtype.is_float:
            return None
        if plain and not any(isinstance(d, SymDim) for d in new):
            return None
        if op.method == "bilinear" and whole and ios >= 16:
            return None
        return DECOMPOSE[ops.Resize].apply(node, rewriter)

    return resize_of_open_size
