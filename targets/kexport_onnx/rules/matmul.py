"""Matrix products."""

from __future__ import annotations

from dataclasses import replace

from kexport import ops
from kexport.ir.graph import Node, Value
from kexport.passes.sink_transposes import transpose_above
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.rule import Replacement


@rule(ops.MatMul)
def merge_into_transpose(op: ops.MatMul, node: Node, rewriter: Rewriter) -> Replacement:
    """A product that transposes what was transposed just before leaves both to one transpose."""
    a, b = node.inputs
    if op.transpose_b and transpose_above(b):
        return rewriter.add(replace(op, transpose_b=False), a, rewriter.add(_swap_last(b), b))
    if op.transpose_a and transpose_above(a):
        return rewriter.add(replace(op, transpose_a=False), rewriter.add(_swap_last(a), a), b)
    return None


def _swap_last(value: Value) -> ops.Transpose:
    rank = value.type.rank
    return ops.Transpose((*range(rank - 2), rank - 1, rank - 2))


RULES = (merge_into_transpose,)
