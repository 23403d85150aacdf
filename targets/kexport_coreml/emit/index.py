"""Reading and writing at indices."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Node
from kexport.ir.types import DType
from kexport_coreml.context import Context
from kexport_coreml.emit.table import EMIT
from kexport_coreml.refs import Ref


def _checks(e: Context) -> bool | None:
    """Since iOS 17 there is a parameter that says whether indices are checked; they are right already."""
    return False if e.ios >= 17 else None


@EMIT.emits(ops.Gather)
def gather(e: Context, op: ops.Gather, node: Node) -> Ref:
    x, indices = e.refs(node)
    batch = op.batch_dims if e.ios >= 16 else None
    shape = node.output.type.shape
    return e.op(
        "gather",
        shape=shape,
        x=x,
        indices=indices,
        axis=op.axis % x.rank,
        batch_dims=batch,
        validate_indices=_checks(e),
    )


@EMIT.emits(ops.GatherNd)
def gather_nd(e: Context, op: ops.GatherNd, node: Node) -> Ref:
    x, indices = e.refs(node)
    batch = op.batch_dims if e.ios >= 16 else None
    shape = node.output.type.shape
    return e.op("gather_nd", shape=shape, x=x, indices=indices, batch_dims=batch, validate_indices=_checks(e))


@EMIT.emits(ops.ScatterNd)
def scatter_nd(e: Context, op: ops.ScatterNd, node: Node) -> Ref:
    data, indices, updates = e.refs(node)
    if data.dtype is DType.BOOL:
        data = e.cast(data, DType.I32)
        updates = e.cast(updates, DType.I32)
    made = e.op(
        "scatter_nd", data=data, indices=indices, updates=updates, mode=op.reduction, validate_indices=_checks(e)
    )
    return e.cast(made, DType.BOOL) if node.output.type.dtype is DType.BOOL else made
