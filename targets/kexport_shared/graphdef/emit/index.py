"""Reading and writing at indices."""

from __future__ import annotations

from collections.abc import Sequence

from kexport import ops
from kexport.ir.dim import Dim, SymDim
from kexport.ir.graph import Node
from kexport.ir.types import DType
from kexport_shared.graphdef.context import Context
from kexport_shared.graphdef.nodes import Ref
from kexport_shared.graphdef.table import COMMON

_INDEX = (DType.I32, DType.I64)


@COMMON.emits(ops.Gather)
def gather(e: Context, op: ops.Gather, node: Node) -> Ref:
    x, indices = e.refs(node)
    axis = op.axis % node.inputs[0].type.rank
    return e.op("GatherV2", x, index(e, indices), e.scalar(axis), batch_dims=op.batch_dims)


@COMMON.emits(ops.GatherNd)
def gather_nd(e: Context, op: ops.GatherNd, node: Node) -> Ref:
    """Places on batch axes become part of the indices."""
    x, indices = e.refs(node)
    shape = node.inputs[1].type.shape
    indices = e.cast(indices, DType.I32)
    if op.batch_dims:
        places = [_places(e, shape[:-1], axis) for axis in range(op.batch_dims)]
        indices = e.op("ConcatV2", *places, indices, e.scalar(len(shape) - 1), N=len(places) + 1)
    return e.op("GatherNd", x, indices)


@COMMON.emits(ops.ScatterNd)
def scatter_nd(e: Context, op: ops.ScatterNd, node: Node) -> Ref:
    data, indices, updates = e.refs(node)
    if op.reduction == "update":
        return e.op("TensorScatterUpdate", data, index(e, indices), updates)
    where = e.cast(indices, DType.I32)
    return e.op("AddV2", data, e.op("ScatterNd", where, updates, e.dims(node.output.type.shape), main=1))


@COMMON.emits(ops.OneHot)
def one_hot(e: Context, op: ops.OneHot, node: Node) -> Ref:
    """Made along the last axis and moved from there."""
    (indices,) = e.refs(node)
    dtype = e.dialect.stored(op.dtype)
    rank = node.output.type.rank
    made = DType.F32 if dtype is DType.BOOL else dtype
    on = e.const(1, made)
    off = e.const(0, made)
    y = e.op("OneHot", e.cast(indices, DType.I32), e.scalar(op.depth), on, off, dtype=made, axis=-1)
    axis = op.axis % rank
    if axis != rank - 1:
        y = e.op("Transpose", y, e.ints([*range(axis), rank - 1, *range(axis, rank - 1)]))
    return e.cast(y, dtype)


def index(e: Context, indices: Ref) -> Ref:
    """Indices in an element type that TensorFlow takes."""
    return indices if indices.dtype in _INDEX else e.cast(indices, DType.I32)


def _places(e: Context, shape: Sequence[Dim], axis: int) -> Ref:
    """Where along one axis each element lies, with an axis of size 1 behind."""
    size = shape[axis]
    if isinstance(size, SymDim):
        last = e.op("Reshape", e.sizes.dim(size), e.ints([]))
        line = e.op("Range", e.scalar(0), last, e.scalar(1))
    else:
        line = e.ints(range(size))
    aligned = e.reshape(line, [size if i == axis else 1 for i in range(len(shape) + 1)])
    return e.op("BroadcastTo", aligned, e.dims((*shape, 1)))
