"""Matrix products."""

from __future__ import annotations

import numpy as np

from kexport import ops
from kexport.ir.graph import Node
from kexport_tflite.context import Context
from kexport_tflite.emit.activation import fused
from kexport_tflite.emit.table import EMIT


@EMIT(ops.Dense)
def dense(e: Context, op: ops.Dense, node: Node) -> None:
    """FULLY_CONNECTED on any rank, with its weights as [N, K]."""
    x, w, *bias = node.inputs
    weights = e.weights(w, np.transpose)
    operands = [e.tensor(x), weights, *map(e.tensor, bias)]
    e.emit("FULLY_CONNECTED", node, *operands, keep_num_dims=x.type.rank > 2, **fused(op))


@EMIT(ops.MatMul)
def matmul(e: Context, op: ops.MatMul, node: Node) -> None:
    """BATCH_MATMUL broadcasts the batch axes."""
    e.emit("BATCH_MATMUL", node, adj_x=op.transpose_a, adj_y=op.transpose_b)
