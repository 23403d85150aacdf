"""Matrix products."""

from __future__ import annotations

import numpy as np

from kexport import ops
from kexport.ir.graph import Node
from kexport_tflite.context import Context
from kexport_tflite.emit.activation import fused
from kexport_tflite.emit.table import EMIT


@EMIT(ops.Dense)
def dense(context: Context, node: Node) -> None:
    """FULLY_CONNECTED on any rank, with its weights as [N, K]."""
    x, w, *bias = node.inputs
    weights = context.weights(w, np.transpose)
    operands = [context.tensor(x), weights, *map(context.tensor, bias)]
    context.emit("FULLY_CONNECTED", node, *operands, keep_num_dims=x.type.rank > 2, **fused(node.op))


@EMIT(ops.MatMul)
def matmul(context: Context, node: Node) -> None:
    """BATCH_MATMUL broadcasts the batch axes."""
    assert isinstance(node.op, ops.MatMul)
    context.emit("BATCH_MATMUL", node, adj_x=node.op.transpose_a, adj_y=node.op.transpose_b)
