"""Rows that are put together by the number of their segment."""

from __future__ import annotations

from typing import Any

import numpy as np

from kexport import ops
from kexport.capture.lowering.context import Context
from kexport.capture.lowering.table import Table
from kexport.capture.not_lowered import NotLowered
from kexport.ir.dim import Dim, product
from kexport.ir.graph import Value
from kexport.ir.types import DType
from kexport.rewrite.bounds import nonnegative

table = Table()

_LIMITS = {
    DType.F32: (float(np.finfo(np.float32).min), float(np.finfo(np.float32).max)),
    DType.I32: (-(2**31), 2**31 - 1),
}
"""What TensorFlow gives for the greatest and the least of no rows."""
_OPEN = (
    "the number of its segments depends on the values of a tensor; use keras.ops.segment_sum, or "
    "tf.math.unsorted_segment_*, with num_segments"
)


@table.op("UnsortedSegmentSum", "UnsortedSegmentMax", "UnsortedSegmentMin")
def segments(ctx: Context, op: Any, x: Value, ids: Value, count: Value) -> Value:
    """The sum, greatest or least of the rows with each id."""
    x, ids = _rows(ctx, x, ids)
    return _gathered(ctx, op.type[-3:], x, ids, ctx.dims(count)[0])


@table.op("UnsortedSegmentProd")
def segment_product(ctx: Context, op: Any, x: Value, ids: Value, count: Value) -> Value:
    """The product of the rows with each id: of all rows, with ones in the place of others."""
    x, ids = _rows(ctx, x, ids)
    return _product(ctx, x, ids, ctx.dims(count)[0])


@table.op("SegmentSum", "SegmentMean", "SegmentProd", "SegmentMax", "SegmentMin")
def sorted_segments(ctx: Context, op: Any, x: Value, ids: Value) -> Value:
    """The same for ids in ascending order, as many as the last one says; without rows it is 0, a product 1."""
    if ids.data is None:
        raise NotLowered(_OPEN)
    rows = np.bincount(ids.data)
    match op.type.removeprefix("Segment"):
        case "Prod":
            return _product(ctx, x, ids, len(rows))
        case "Mean":
            share = np.maximum(rows, 1).reshape(-1, *[1] * (x.type.rank - 1)).astype(x.type.dtype.numpy)
            return ctx.emit(ops.Div(), _gathered(ctx, "Sum", x, ids, len(rows)), ctx.constant(share))
        case kind:
            found = _gathered(ctx, kind, x, ids, len(rows))
    if kind == "Sum" or rows.all():
        return found
    some = ctx.constant((rows > 0).reshape(-1, *[1] * (x.type.rank - 1)))
    return ctx.emit(ops.Select(), some, found, ctx.number(0, found))


def _rows(ctx: Context, x: Value, ids: Value) -> tuple[Value, Value]:
    """Rows and their ids, where the ids of several axes count along these."""
    lead = ids.type.rank
    if lead == 1:
        return x, ids
    count = product(ids.type.shape)
    return ctx.reshape(x, (count, *x.type.shape[lead:])), ctx.reshape(ids, (count,))


def _gathered(ctx: Context, kind: str, x: Value, ids: Value, count: Dim) -> Value:
    """Rows written into what stands for none; those with a negative id count nowhere."""
    if kind != "Sum" and x.type.dtype not in _LIMITS:
        raise NotLowered(f"the {'greatest' if kind == 'Max' else 'least'} in segments of this element type")
    low, high = _LIMITS.get(x.type.dtype, (0, 0))
    reduction, start = {"Sum": ("add", 0), "Max": ("max", low), "Min": ("min", high)}[kind]
    if not nonnegative(ids):
        outside = ctx.emit(ops.Less(), ids, ctx.number(0, ids))
        ids = ctx.emit(ops.Select(), outside, ctx.number(0, ids), ids)
        outside = ctx.reshape(outside, (*outside.type.shape, *[1] * (x.type.rank - 1)))
        x = ctx.emit(ops.Select(), outside, ctx.number(start, x), x)
    empty = ctx.full((count, *x.type.shape[1:]), start, x.type.dtype)
    return ctx.emit(ops.ScatterNd(reduction), empty, ctx.reshape(ids, (*ids.type.shape, 1)), x)


def _product(ctx: Context, x: Value, ids: Value, count: Dim) -> Value:
    numbers = ctx.reshape(ctx.emit(ops.Iota(count, ids.type.dtype)), (count, 1))
    own = ctx.emit(ops.Equal(), numbers, ctx.reshape(ids, (1, *ids.type.shape)))
    own = ctx.reshape(own, (*own.type.shape, *[1] * (x.type.rank - 1)))
    return ctx.emit(ops.ReduceProd((1,)), ctx.emit(ops.Select(), own, x, ctx.number(1, x)))
