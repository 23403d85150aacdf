"""Lists of tensors (tf.TensorArray), as one tensor of all their elements."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kexport import ops
from kexport.capture.lowering.context import Context, Items
from kexport.capture.lowering.table import Table
from kexport.capture.not_lowered import NotLowered
from kexport.ir.dim import Dim
from kexport.ir.graph import Value
from kexport.ir.types import DType

table = Table()
UNKNOWN = "nothing was put into a list of tensors whose shape is not known"


@table.op("TensorListFromTensor")
def from_tensor(ctx: Context, op: Any, x: Value, shape: Value) -> Items:
    """The rows of a tensor."""
    return Items(x, x.type.shape[0], x.type.dtype)


@table.op("TensorListReserve")
def reserve(ctx: Context, op: Any, shape: Value, count: Value) -> Items:
    """Zeros, where the shape of an element is known."""
    (length,) = ctx.dims(count)
    dtype = DType.of(op.get_attr("element_dtype").as_numpy_dtype)
    return Items(None, length, dtype) if -1 in ctx.dims(shape) else _zeros(ctx, length, ctx.dims(shape), dtype)


@table.op("EmptyTensorList")
def empty(ctx: Context, op: Any, shape: Value, most: Value) -> Items:
    """A list that grows by TensorListPushBack."""
    return Items(None, 0, DType.of(op.get_attr("element_dtype").as_numpy_dtype))


@table.op("TensorListPushBack")
def push(ctx: Context, op: Any, items: Items, x: Value) -> Items:
    """One more element."""
    row = ctx.reshape(x, (1, *x.type.shape))
    value = row if items.value is None else ctx.emit(ops.Concat(0), items.value, row)
    return Items(value, items.length + 1, items.dtype)


@table.op("TensorListGetItem")
def get(ctx: Context, op: Any, items: Items, index: Value, shape: Value) -> Value:
    """One element."""
    return ctx.emit(ops.Gather(0), _known(items), index)


@table.op("TensorListGather")
def gather(ctx: Context, op: Any, items: Items, indices: Value, shape: Value) -> Value:
    """Some elements, stacked."""
    return ctx.emit(ops.Gather(0), _known(items), indices)


@table.op("TensorListSetItem")
def put(ctx: Context, op: Any, items: Items, index: Value, x: Value) -> Items:
    """Another element in the place of one."""
    items = items if items.value is not None else _zeros(ctx, items.length, x.type.shape, items.dtype)
    at = ctx.reshape(index, (1, 1))
    row = ctx.reshape(x, (1, *x.type.shape))
    return replace(items, value=ctx.emit(ops.ScatterNd("update"), _known(items), at, row))


@table.op("TensorListStack")
def stack(ctx: Context, op: Any, items: Items, shape: Value) -> Value:
    """All elements."""
    return _known(items)


@table.op("TensorListLength")
def length(ctx: Context, op: Any, items: Items) -> Value:
    """How many elements there are."""
    return ctx.sizes((items.length,), rank=0)


def _zeros(ctx: Context, length: Dim, shape: tuple[Dim, ...], dtype: DType) -> Items:
    return Items(ctx.full((length, *shape), 0, dtype), length, dtype)


def _known(items: Items) -> Value:
    if items.value is None:
        raise NotLowered(UNKNOWN)
    return items.value
