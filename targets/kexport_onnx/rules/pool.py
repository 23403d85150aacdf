"""Windows of one element."""

from __future__ import annotations

from dataclasses import replace

from kexport import ops
from kexport.ir.graph import Node
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.rule import Replacement


@rule(ops.MaxPool, ops.AvgPool)
def pool_of_points(op: ops.MaxPool | ops.AvgPool, node: Node, rewriter: Rewriter) -> Replacement:
    """Along an axis with windows of one element, a slice: ONNX Runtime finds negative padding in one of open size."""
    (x,) = node.inputs
    points = [n == 1 < s for n, s in zip(op.window, op.strides, strict=True)]
    if not any(points) or not isinstance(op.padding, str):
        return None
    steps = tuple(s if point else 1 for s, point in zip(op.strides, points, strict=True))
    thin = rewriter.add(ops.Slice((0,) * x.type.rank, x.type.shape, (1, *steps, 1)), x)
    rest = tuple(1 if point else s for s, point in zip(op.strides, points, strict=True))
    found = thin if set(op.window) == {1} else rewriter.add(replace(op, strides=rest), thin)
    return found if found.type == node.output.type else None


RULES = (pool_of_points,)
