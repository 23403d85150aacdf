"""Reading and writing at indices."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Node
from kexport.ir.types import DType, TensorType
from kexport_tflite.context import Context
from kexport_tflite.emit.table import EMIT
from kexport_tflite.scatter import ScatterZeros, UpdateRow


@EMIT(ops.Gather)
def gather(e: Context, op: ops.Gather, node: Node) -> None:
    """The axis counts from the front."""
    (x, _) = node.inputs
    e.emit("GATHER", node, axis=op.axis % x.type.rank, batch_dims=op.batch_dims)


@EMIT(ops.GatherNd)
def gather_nd(e: Context, op: ops.GatherNd, node: Node) -> None:
    """Without batch axes; legalize turns those into indices."""
    e.emit("GATHER_ND", node)


@EMIT(ScatterZeros)
def scatter_zeros(e: Context, op: ScatterZeros, node: Node) -> None:
    """SCATTER_ND adds up what falls on the same place."""
    e.emit("SCATTER_ND", node, *map(e.tensor, node.inputs), e.dims(op.shape))


@EMIT(UpdateRow)
def update_row(e: Context, op: UpdateRow, node: Node) -> None:
    """DYNAMIC_UPDATE_SLICE, whose start is an index along every axis."""
    data, row, at = map(e.tensor, node.inputs)
    rank = node.output.type.rank

    def start() -> int:
        vector = e.temporary(TensorType(DType.I32, (1,)))
        e.reshape(at, vector, (1,))
        if rank == 1:
            return vector
        parts = [vector, e.ints([0] * (rank - 1))]
        return e.step("CONCATENATION", parts, TensorType(DType.I32, (rank,)), axis=0)

    e.emit("DYNAMIC_UPDATE_SLICE", node, data, row, e.cached(("start", at, rank), start))


@EMIT(ops.OneHot)
def one_hot(e: Context, op: ops.OneHot, node: Node) -> None:
    """Depth and both values are operands."""
    (indices,) = node.inputs
    values = [e.scalar(v, op.dtype) for v in (1, 0)]
    axis = op.axis % node.output.type.rank
    e.emit("ONE_HOT", node, e.tensor(indices), e.ints(op.depth), *values, axis=axis)
