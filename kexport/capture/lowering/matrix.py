"""Diagonals, bands and histograms, made of iota, comparison and select."""

from __future__ import annotations

from typing import Any

import numpy as np

from kexport import ops
from kexport.capture.lowering.context import Context, scalar
from kexport.capture.lowering.table import Table
from kexport.capture.not_lowered import NotLowered
from kexport.ir.dim import Dim, UndecidableDim, dim_max, dim_min
from kexport.ir.graph import Node, Value
from kexport.ir.types import DType
from kexport.rewrite.fold import dims_of

table = Table()


@table.op("MatrixBandPart")
def band_part(ctx: Context, op: Any, x: Value, lower: Value, upper: Value) -> Value:
    """Zero outside of a band around the diagonal; a negative width is unlimited."""
    (below,) = ctx.dims(lower)
    (above,) = ctx.dims(upper)
    rows, columns = _positions(ctx, x.type.shape[-2], x.type.shape[-1])
    offset = ctx.emit(ops.Sub(), columns, rows)
    inside: Value | None = None
    if _is_limit(below):
        inside = ctx.emit(ops.GreaterEqual(), offset, ctx.sizes((-below,), offset.type.dtype, rank=0))
    if _is_limit(above):
        right = ctx.emit(ops.LessEqual(), offset, ctx.sizes((above,), offset.type.dtype, rank=0))
        inside = right if inside is None else ctx.emit(ops.LogicalAnd(), inside, right)
    return x if inside is None else ctx.emit(ops.Select(), inside, x, ctx.number(0, x))


def _is_limit(width: Dim) -> bool:
    try:
        return width >= 0
    except UndecidableDim:
        raise NotLowered("the width of the band depends on the input size, and may be negative") from None


@table.op("MatrixDiagV3")
def diag(ctx: Context, op: Any, x: Value, k: Value, rows: Value, columns: Value, padding: Value) -> Value:
    """A matrix with one diagonal; a size of -1 is the least that holds it, of both a square."""
    if len(ctx.ints(k)) != 1:
        raise NotLowered("several diagonals")
    shift = ctx.int(k)
    height = ctx.int(rows)
    width = ctx.int(columns)
    size = x.type.shape[-1]
    above = max(ctx.int(k), 0)
    below = max(-ctx.int(k), 0)
    square = size + abs(shift)
    both = height == width == -1
    height = square if both else size + below if height == -1 else height
    width = square if both else size + above if width == -1 else width
    if above or width != size:
        x = ctx.emit(ops.Pad(((0, 0),) * (x.type.rank - 1) + ((above, width - size - above),)), x)
    return ctx.emit(ops.Select(), _is_diagonal(ctx, height, width, shift), _rows(ctx, x), padding)


@table.op("MatrixDiagPartV3")
def diag_part(ctx: Context, op: Any, x: Value, k: Value, padding: Value) -> Value:
    """One diagonal of a matrix."""
    if len(ctx.ints(k)) != 1:
        raise NotLowered("several diagonals")
    return diagonal(ctx, x, ctx.int(k))


@table.frame("numpy.diagonal")
def diagonal_call(ctx: Context, x: Any, offset: Any, axis1: Any, axis2: Any) -> Value:
    """One diagonal of two axes, as the last axis."""
    value = ctx.value(x)
    shift = scalar(ctx.value(offset))
    if shift is None:
        raise NotLowered("a diagonal whose place is computed")
    pair = [a % value.type.rank for a in (axis1, axis2)]
    others = [i for i in range(value.type.rank) if i not in pair]
    return diagonal(ctx, ctx.transpose(value, [*others, *pair]), int(shift))


def diagonal(ctx: Context, x: Value, shift: int = 0) -> Value:
    """One diagonal of the last two axes, as the last axis."""
    height, width = x.type.shape[-2:]
    if not isinstance(height, int) or not isinstance(width, int):
        return _open_diagonal(ctx, x, shift)
    first_row = max(0, -shift)
    first_column = max(0, shift)
    count = max(0, min(height - first_row, width - first_column))
    flat = ctx.reshape(x, (*x.type.shape[:-2], height * width))
    begin = first_row * width + first_column
    end = begin + (count - 1) * (width + 1) + 1 if count else begin
    lead = x.type.shape[:-2]
    op_ = ops.Slice((0,) * len(lead) + (begin,), (*lead, end), (1,) * len(lead) + (width + 1,))
    return ctx.emit(op_, flat)


def _open_diagonal(ctx: Context, x: Value, shift: int) -> Value:
    """One diagonal of matrices of any size: all else is cleared and each row is summed."""
    height, width = x.type.shape[-2:]
    rank = x.type.rank
    first_row = max(0, -shift)
    first_column = max(0, shift)
    hit = _is_diagonal(ctx, height, width, shift)
    if x.type.dtype is DType.BOOL:
        found = ctx.emit(ops.ReduceAny((rank - 1,)), ctx.emit(ops.LogicalAnd(), x, hit))
    else:
        found = ctx.emit(ops.ReduceSum((rank - 1,)), ctx.emit(ops.Select(), hit, x, ctx.number(0, x)))
    count = height if height == width and not shift else dim_min(height - first_row, width - first_column)
    if not shift and count == height:
        return found
    lead = x.type.shape[:-2]
    begin = dim_min(first_row, height)
    end = begin + dim_max(0, count)
    return ctx.emit(ops.Slice((0,) * len(lead) + (begin,), (*lead, end), (1,) * (rank - 1)), found)


@table.op("MatrixSetDiagV3")
def set_diag(ctx: Context, op: Any, x: Value, diagonal: Value, k: Value) -> Value:
    """A matrix with one diagonal replaced."""
    if len(ctx.ints(k)) != 1:
        raise NotLowered("several diagonals at once; replace one after the other")
    height, width = x.type.shape[-2:]
    shift = ctx.int(k)
    hit = _is_diagonal(ctx, height, width, shift)
    match diagonal.producer:
        case Node(op=ops.Full(value=number)):
            return ctx.emit(ops.Select(), hit, ctx.number(number, x), x)
    axis = diagonal.type.rank - 1
    missing = (height if shift >= 0 else width) - diagonal.type.shape[-1]
    if missing != 0:
        diagonal = ctx.emit(ops.Pad(((0, 0),) * axis + ((0, missing),)), diagonal)
    across = (*diagonal.type.shape, 1) if shift >= 0 else (*diagonal.type.shape[:-1], 1, width)
    return ctx.emit(ops.Select(), hit, ctx.reshape(diagonal, across), x)


@table.op("DenseBincount")
def bincount(ctx: Context, op: Any, x: Value, size: Value, weights: Value) -> Value:
    """How often each number occurs in each row, at most once if `binary_output`."""
    if dims_of(size) is None:
        raise NotLowered(
            "the number of bins depends on the values of a tensor; count with "
            "keras.ops.sum(keras.ops.one_hot(x, bins), axis=...)"
        )
    depth = ctx.int(size)
    dtype = weights.type.dtype
    hot = ctx.emit(ops.OneHot(depth, -1, dtype), x)
    axis = x.type.rank - 1
    if op.get_attr("binary_output"):
        return ctx.emit(ops.ReduceMax((axis,)), hot)
    if weights.type.numel != 0:
        hot = ctx.emit(ops.Mul(), hot, ctx.reshape(weights, (*weights.type.shape, 1)))
    return ctx.emit(ops.ReduceSum((axis,)), hot)


@table.op("Bucketize")
def bucketize(ctx: Context, op: Any, x: Value) -> Value:
    """How many boundaries are at most x."""
    bounds = list(op.get_attr("boundaries"))
    apart = ctx.reshape(ctx.cast(x, DType.F32), (*x.type.shape, 1))
    reached = ctx.emit(ops.GreaterEqual(), apart, ctx.constant(np.array(bounds, np.float32)))
    return ctx.emit(ops.ReduceSum((x.type.rank,)), ctx.cast(reached, DType.I32))


@table.op("LowerBound", "UpperBound")
def bound(ctx: Context, op: Any, sorted_: Value, values: Value) -> Value:
    """How many sorted numbers of a row are less than (LowerBound) or at most (UpperBound) each value."""
    row = ctx.reshape(sorted_, (*sorted_.type.shape[:-1], 1, sorted_.type.shape[-1]))
    column = ctx.reshape(values, (*values.type.shape, 1))
    below = ctx.emit(ops.Less() if op.type == "LowerBound" else ops.LessEqual(), row, column)
    return ctx.cast(ctx.emit(ops.ReduceSum((values.type.rank,)), ctx.cast(below, DType.I32)), ctx.dtype)


def _rows(ctx: Context, x: Value) -> Value:
    """A vector as a matrix of one row."""
    return ctx.reshape(x, (*x.type.shape[:-1], 1, x.type.shape[-1]))


def _is_diagonal(ctx: Context, rows: Dim, columns: Dim, shift: int) -> Value:
    i, j = _positions(ctx, rows, columns)
    return ctx.emit(ops.Equal(), j, ctx.emit(ops.Add(), i, ctx.number(shift, i)) if shift else i)


def _positions(ctx: Context, rows: Dim, columns: Dim) -> tuple[Value, Value]:
    """The row numbers as a column, and the column numbers."""
    i = ctx.emit(ops.Iota(rows, DType.I32))
    return ctx.reshape(i, (rows, 1)), ctx.emit(ops.Iota(columns, DType.I32))
