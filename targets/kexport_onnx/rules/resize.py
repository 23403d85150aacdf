"""Resizing of images whose size is open."""

from __future__ import annotations

from kexport import ops
from kexport.ir.dim import SymDim
from kexport.ir.graph import Node
from kexport.ops.resample import grows
from kexport.passes.decompose import DECOMPOSE
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.rule import Replacement


@rule(ops.Resize)
def resize_of_open_size(op: ops.Resize, node: Node, rewriter: Rewriter) -> Replacement:
    """ONNX has no lanczos, and ONNX Runtime no cubics but by whole factors, be they widened or not."""
    old = node.inputs[0].type.shape[1:3]
    if not any(isinstance(d, SymDim) for d in (*old, *op.size)) or op.method in ("nearest", "bilinear"):
        return None
    if op.method == "bicubic" and grows(old, op.size):
        return None
    return DECOMPOSE[ops.Resize].apply(node, rewriter)


RULES = (resize_of_open_size,)
