"""Turns constants added to a linear op into its bias, and products with a constant matrix into dense layers."""

from __future__ import annotations

import numpy as np

from kexport import ops
from kexport.ir.graph import Node
from kexport.rewrite import Rewriter, RulePass, Skip, rule
from kexport.rewrite.fold import MAX_GROWTH
from kexport.rewrite.linear import absorb
from kexport.rewrite.narrow import narrow_constant
from kexport.rewrite.rule import Replacement


@rule(ops.Add)
def add_to_bias(op: ops.Add, node: Node, rewriter: Rewriter) -> Replacement:
    """conv(x) + c, c for each channel; the channels may be reshaped or transposed first."""
    y, constant = node.inputs
    if constant.data is None or y.type != node.output.type or not y.type.dtype.is_float:
        return None
    return absorb(node, rewriter, None, constant.data.astype(np.float64))


@rule(ops.MatMul)
def dense(op: ops.MatMul, node: Node, rewriter: Rewriter) -> Replacement:
    """x @ w with a constant matrix w; all axes of x but the last are rows."""
    x, w = node.inputs
    if narrow_constant(w) is not None and w.type.rank == 2 and not (op.transpose_a or op.transpose_b):
        return rewriter.add(ops.Dense(), x, w)
    if w.data is None or op.transpose_a or any(d != 1 for d in w.data.shape[:-2]) or w.type.rank > x.type.rank:
        return None
    matrix = w
    if op.transpose_b or w.type.rank > 2:
        if w.data.nbytes > MAX_GROWTH and len(w.users) > 1:
            return Skip("the matrix is used elsewhere too and would be held twice")
        data = w.data.reshape(w.data.shape[-2:])
        matrix = rewriter.constant(data.T if op.transpose_b else data, w.name)
    return rewriter.add(ops.Dense(), x, matrix)


PASS = RulePass("fuse_bias", (add_to_bias, dense))
