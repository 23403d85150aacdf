"""Reading and writing at indices."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Node
from kexport.ir.types import DType, TensorType
from kexport_tflite.context import Context
from kexport_tflite.emit.table import EMIT
from kexport_tflite.scatter import ScatterZeros, UpdateRow


@EMIT(ops.Gather)
def gather(context: Context, node: Node) -> None:
    """The axis counts from the front."""
    op, (x, _) = node.op, node.inputs
    assert isinstance(op, ops.Gather)
    context.emit("GATHER", node, axis=op.axis % x.type.rank, batch_dims=op.batch_dims)


@EMIT(ops.GatherNd)
def gather_nd(context: Context, node: Node) -> None:
    """Without batch axes; legalize turns those into indices."""
    context.emit("GATHER_ND", node)


@EMIT(ScatterZeros)
def scatter_zeros(context: Context, node: Node) -> None:
    """SCATTER_ND adds up what falls on the same place."""
    assert isinstance(node.op, ScatterZeros)
    context.emit("SCATTER_ND", node, *map(context.tensor, node.inputs), context.dims(node.op.shape))


@EMIT(UpdateRow)
def update_row(context: Context, node: Node) -> None:
    """DYNAMIC_UPDATE_SLICE, whose start is an index along every axis."""
    data, row, at = map(context.tensor, node.inputs)
    rank = node.output.type.rank

    def start() -> int:
        vector = context.temporary(TensorType(DType.I32, (1,)))
        context.reshape(at, vector, (1,))
        if rank == 1:
            return vector
        parts = [vector, context.ints([0] * (rank - 1))]
        return context.step("CONCATENATION", parts, TensorType(DType.I32, (rank,)), axis=0)

    context.emit("DYNAMIC_UPDATE_SLICE", node, data, row, context.cached(("start", at, rank), start))


@EMIT(ops.OneHot)
def one_hot(context: Context, node: Node) -> None:
    """Depth and both values are operands."""
    op, (indices,) = node.op, node.inputs
    assert isinstance(op, ops.OneHot)
    values = [context.scalar(v, op.dtype) for v in (1, 0)]
    axis = op.axis % node.output.type.rank
    context.emit("ONE_HOT", node, context.tensor(indices), context.ints(op.depth), *values, axis=axis)
