"""Normalization that ONNX has over the last axes alone."""

from __future__ import annotations

from typing import Any

from kexport import ops
from kexport.ir.graph import Node
from kexport.passes.decompose import DECOMPOSE
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.rule import Replacement


@rule(ops.LayerNorm, ops.RmsNorm)
def expand_norm(op: ops.LayerNorm | ops.RmsNorm, node: Node, rewriter: Rewriter) -> Replacement:
    """ONNX normalizes over the last axes only."""
    rank = node.output.type.rank
    axes: Any = op.attributes()["axes"]
    if sorted(a % rank for a in axes) == list(range(rank - len(axes), rank)):
        return None
    return DECOMPOSE[type(op)].apply(node, rewriter)


RULES = (expand_norm,)
