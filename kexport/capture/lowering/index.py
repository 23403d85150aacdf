"""Reading and writing at indices, and one-hot vectors."""

from __future__ import annotations

from typing import Any

from kexport import ops
from kexport.capture.lowering.context import Context, scalar
from kexport.capture.lowering.table import Table
from kexport.capture.not_lowered import NotLowered
from kexport.ir.dim import Dim, product
from kexport.ir.graph import Value
from kexport.ir.types import DType

table = Table()

SCATTERS = {
    "TensorScatterUpdate": "update",
    "TensorScatterAdd": "add",
    "TensorScatterMax": "max",
    "TensorScatterMin": "min",
}


@table.op("GatherV2")
def gather(ctx: Context, op: Any, x: Value, indices: Value, axis: Value) -> Value:
    """Slices along an axis."""
    return ctx.emit(ops.Gather(ctx.int(axis) % x.type.rank, op.get_attr("batch_dims")), x, indices)


@table.op("ResourceGather")
def resource_gather(ctx: Context, op: Any, handle: Any, indices: Value) -> Value:
    """Rows of a variable."""
    batch = op.get_attr("batch_dims")
    return ctx.emit(ops.Gather(batch, batch), ctx.value(handle), indices)


@table.op("GatherNd")
def gather_nd(ctx: Context, op: Any, x: Value, indices: Value) -> Value:
    """Slices at tuples of indices."""
    return ctx.emit(ops.GatherNd(0), x, indices)


@table.op("ScatterNd")
def scatter_nd(ctx: Context, op: Any, indices: Value, updates: Value, shape: Value) -> Value:
    """Zeros with the updates added at tuples of indices."""
    zeros = ctx.full(ctx.dims(shape), 0, updates.type.dtype)
    return ctx.emit(ops.ScatterNd("add"), zeros, indices, updates)


@table.op(*SCATTERS)
def tensor_scatter(ctx: Context, op: Any, x: Value, indices: Value, updates: Value) -> Value:
    """x with updates at tuples of indices."""
    return ctx.emit(ops.ScatterNd(SCATTERS[op.type]), x, indices, updates)


@table.op("TensorScatterSub")
def tensor_scatter_sub(ctx: Context, op: Any, x: Value, indices: Value, updates: Value) -> Value:
    """x minus updates at tuples of indices."""
    return ctx.emit(ops.ScatterNd("add"), x, indices, ctx.emit(ops.Neg(), updates))


@table.op("UnravelIndex")
def unravel_index(ctx: Context, op: Any, indices: Value, shape: Value) -> Value:
    """The places in a shape that positions in its elements in a row stand for, an axis a row."""
    sizes = ctx.dims(shape)
    rows = list[Value]()
    for i in range(len(sizes)):
        below, size = (ctx.sizes((n,), indices.type.dtype, rank=0) for n in (product(sizes[i + 1 :]), sizes[i]))
        row = indices if i == len(sizes) - 1 else ctx.emit(ops.FloorDiv(), indices, below)
        row = ctx.emit(ops.Mod(), row, size) if i else row
        rows.append(ctx.reshape(row, (1, *indices.type.shape)))
    return ctx.emit(ops.Concat(0), *rows)


@table.op("InvertPermutation")
def invert_permutation(ctx: Context, op: Any, x: Value) -> Value:
    """Where each position went."""
    (size,) = x.type.shape
    places = ctx.emit(ops.Iota(size, x.type.dtype))
    return ctx.emit(ops.ScatterNd("update"), ctx.full((size,), 0, x.type.dtype), ctx.reshape(x, (size, 1)), places)


@table.op("OneHot")
def one_hot(ctx: Context, op: Any, indices: Value, depth: Value, on: Value, off: Value) -> Value:
    """One value at the index, another elsewhere, along a new axis, which may be as long as an input is."""
    axis = op.get_attr("axis")
    dtype = on.type.dtype
    (size,) = ctx.dims(depth)
    axis = axis if axis >= 0 else indices.type.rank
    indices = ctx.cast(indices, DType.I32) if indices.type.dtype is DType.U8 else indices
    plain = (scalar(on), scalar(off)) == (1, 0)
    if isinstance(size, int) and plain:
        return ctx.emit(ops.OneHot(size, axis, dtype), indices)
    hot = _hot(ctx, indices, size, axis)
    return ctx.cast(hot, dtype) if plain else ctx.emit(ops.Select(), hot, on, off)


def _hot(ctx: Context, indices: Value, size: Dim, axis: int) -> Value:
    if isinstance(size, int):
        return ctx.emit(ops.OneHot(size, axis, DType.BOOL), indices)
    shape = indices.type.shape
    classes = ctx.emit(ops.Iota(size, indices.type.dtype))
    classes = ctx.reshape(classes, (size, *[1] * (len(shape) - axis)))
    return ctx.emit(ops.Equal(), ctx.reshape(indices, (*shape[:axis], 1, *shape[axis:])), classes)


@table.frame("layer.Embedding", "layer2.Embedding", "layer.ReversibleEmbedding")
def embedding(ctx: Context, layer: Any, inputs: Any, reverse: bool = False, **_: Any) -> Value:
    """Rows of a matrix; ids are never negative, so that they need no wrapping around."""
    if reverse or getattr(layer, "quantization_mode", None) or getattr(layer, "lora_enabled", False):
        raise NotLowered("not a lookup in a matrix that is a weight")
    ids = ctx.value(inputs)
    ids = ids if ids.type.dtype.is_int else ctx.cast(ids, DType.I32)
    return ctx.cast(ctx.emit(ops.Gather(0), ctx.value(layer.embeddings), ids), ctx.dtype)
