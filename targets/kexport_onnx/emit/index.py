"""Reading and writing at indices."""

from __future__ import annotations

import numpy as np

from kexport import ops
from kexport.ir.graph import Node
from kexport.ir.types import DType
from kexport_onnx.context import Context
from kexport_onnx.emit.table import EMIT
from kexport_onnx.refs import Ref
from kexport_shared.emit.axes import behind_batches


@EMIT.emits(ops.Gather)
def gather(e: Context, op: ops.Gather, node: Node) -> Ref:
    """With batch axes: the gathered axis is brought behind them, where GatherND takes it, and its place restored."""
    x, indices = e.refs(node)
    rank = node.inputs[0].type.rank
    batch = op.batch_dims
    axis = op.axis % rank
    indices = indices if indices.dtype in (DType.I32, DType.I64) else e.cast(indices, DType.I64)
    if not batch:
        return e.op("Gather", x, indices, axis=axis)
    moves = behind_batches(axis, batch, rank, node.inputs[1].type.rank)
    if moves:
        x = e.op("Transpose", x, perm=list(moves.before))
    column = e.op("Unsqueeze", e.cast(indices, DType.I64), e.ints([-1]))
    found = e.op("GatherND", x, column, batch_dims=batch)
    return e.op("Transpose", found, perm=list(moves.behind)) if moves else found


@EMIT.emits(ops.GatherNd)
def gather_nd(e: Context, op: ops.GatherNd, node: Node) -> Ref:
    x, indices = e.refs(node)
    return e.op("GatherND", x, e.cast(indices, DType.I64), batch_dims=op.batch_dims or None)


@EMIT.emits(ops.ScatterNd)
def scatter_nd(e: Context, op: ops.ScatterNd, node: Node) -> Ref:
    data, indices, updates = e.refs(node)
    reduction = None if op.reduction == "update" else op.reduction
    return e.op("ScatterND", data, e.cast(indices, DType.I64), updates, reduction=reduction)


@EMIT.emits(ops.OneHot)
def one_hot(e: Context, op: ops.OneHot, node: Node) -> Ref:
    """ONNX's OneHot counts negative indices from the back; here they are out of range."""
    (indices,) = e.refs(node)
    rank = node.output.type.rank
    axis = op.axis % rank
    classes = np.arange(op.depth).reshape([-1] + [1] * (rank - 1 - axis))
    column = e.op("Unsqueeze", e.cast(indices, DType.I64), e.ints([axis]))
    return e.cast(e.op("Equal", column, e.const(classes, DType.I64), dtype=DType.BOOL), op.dtype)
