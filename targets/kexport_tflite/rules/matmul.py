"""Matrix products with constants are FULLY_CONNECTED, whose weights XNNPACK packs once."""

from __future__ import annotations

import numpy as np

from kexport import ops
from kexport.ir.graph import Node, Value
from kexport.ir.types import DType
from kexport.passes.decompose import DECOMPOSE
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.rule import Replacement
from kexport_tflite.weights import half_constant, weights_of


@rule(ops.MatMul)
def constant_to_dense(node: Node, rewriter: Rewriter) -> Replacement:
    """A constant matrix on the right."""
    op, (a, b) = node.op, node.inputs
    assert isinstance(op, ops.MatMul)
    data = weights_of(b)
    if data is None or op.transpose_a or any(d != 1 for d in data.shape[:-2]) or data.ndim > a.type.rank:
        return None
    matrix = data.reshape(data.shape[-2:])
    matrix = np.transpose(matrix) if op.transpose_b else matrix
    w = rewriter.constant(matrix, (half_constant(b) or b).name)
    return rewriter.add(ops.Dense(), a, w if w.type.dtype is b.type.dtype else rewriter.add(ops.Cast(DType.F32), w))


@rule(ops.Dense)
def computed_weights(node: Node, rewriter: Rewriter) -> Replacement:
    """Weights that are computed: a product of two tensors."""
    return None if weights_of(node.inputs[1]) is not None else DECOMPOSE[ops.Dense].function(node, rewriter)


@rule(ops.Dense)
def dense_of_vector(node: Node, rewriter: Rewriter) -> Replacement:
    """A vector is a matrix of one row."""
    x, *rest = node.inputs
    if x.type.rank != 1:
        return None
    row: Value = rewriter.add(ops.Reshape((1, *x.type.shape)), x)
    return rewriter.add(ops.Reshape(node.output.type.shape), rewriter.add(node.op, row, *rest))


MATMUL_RULES = (constant_to_dense, computed_weights, dense_of_vector)
