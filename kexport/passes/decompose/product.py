"""Matrix products from plainer ones."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Node, Value
from kexport.rewrite import Rewriter, rule


@rule(ops.Dense)
def dense(op: ops.Dense, node: Node, rewriter: Rewriter) -> Value | None:
    """A matrix product, the bias and the activation, each apart."""
    x, w, *bias = node.inputs
    vector = x.type.rank == 1
    x = rewriter.add(ops.Reshape((1, *x.type.shape)), x) if vector else x
    y = rewriter.add(ops.MatMul(), x, w)
    y = rewriter.add(ops.Reshape(y.type.shape[1:]), y) if vector else y
    y = rewriter.add(ops.Add(), y, *bias) if bias else y
    return y if op.activation is None else rewriter.add(ops.ACTIVATIONS[op.activation], y)


@rule(ops.MatMul)
def matmul_transposes(op: ops.MatMul, node: Node, rewriter: Rewriter) -> Value | None:
    """Transposed operands made by transposes."""
    if not (op.transpose_a or op.transpose_b):
        return None
    a, b = node.inputs
    left = swap_last_axes(rewriter, a) if op.transpose_a else a
    right = swap_last_axes(rewriter, b) if op.transpose_b else b
    return rewriter.add(ops.MatMul(), left, right)


def swap_last_axes(rewriter: Rewriter, x: Value) -> Value:
    """x with its last two axes swapped."""
    *batch, rows, columns = range(x.type.rank)
    return rewriter.add(ops.Transpose((*batch, columns, rows)), x)


RULES = (dense, matmul_transposes)
