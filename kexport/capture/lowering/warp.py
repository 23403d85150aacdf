"""Projective image transforms."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product as pairs
from typing import Any

from kexport import ops
from kexport.capture.lowering.arithmetic import Arithmetic
from kexport.capture.lowering.context import Context
from kexport.capture.lowering.table import Table
from kexport.capture.not_lowered import NotLowered
from kexport.ir.graph import Value
from kexport.ir.types import DType

table = Table()


@table.op("ImageProjectiveTransformV2", "ImageProjectiveTransformV3")
def project(ctx: Context, op: Any, x: Value, transforms: Value, size: Value, *fill: Value) -> Value:
    """Sample the image, for each pixel of the result, at the projection of its position."""
    if not all(isinstance(d, int) for d in x.type.shape[1:]):
        raise NotLowered("a projection of images whose size is not fixed; give the input a fixed height and width")
    height, width = ctx.ints(size)
    column, row, finite = _places(ctx, transforms, height, width)
    mapped = _FILL_MODES[op.get_attr("fill_mode").decode() or "CONSTANT"]
    image = ctx.cast(x, DType.F32)
    around = ctx.cast(fill[0], DType.F32) if fill else ctx.number(0, image)
    pick = _Picker(ctx, image, Arithmetic(ctx, around))
    row = mapped(row, pick.height)
    column = mapped(column, pick.width)
    read = _nearest if op.get_attr("interpolation") == b"NEAREST" else _bilinear
    shown = _raised(finite).select(read(pick, row, column), Arithmetic(ctx, around))
    return ctx.cast(ctx.broadcast(shown.value, (x.type.shape[0], height, width, x.type.shape[3])), x.type.dtype)


def _places(ctx: Context, transforms: Value, height: int, width: int) -> tuple[Arithmetic, Arithmetic, Arithmetic]:
    """Column and row in the image of each pixel of the result, and where there are some: [batch, height, width]."""
    count = transforms.type.shape[0]
    parts = ctx.emit_all(ops.Split(1, (1,) * 8), transforms)
    t = [Arithmetic(ctx, ctx.reshape(p, (count, 1, 1))) for p in parts]
    x = Arithmetic(ctx, ctx.emit(ops.Iota(width, DType.F32)))
    y = Arithmetic(ctx, ctx.reshape(ctx.emit(ops.Iota(height, DType.F32)), (height, 1)))
    depth = t[6] * x + t[7] * y + 1
    finite = depth.apply(ops.NotEqual(), 0)
    depth = finite.select(depth, 1)
    return (t[0] * x + t[1] * y + t[2]) / depth, (t[3] * x + t[4] * y + t[5]) / depth, finite


class _Picker:
    """Reads pixels of an image by tensors of rows and columns, and the filling outside of it."""

    def __init__(self, ctx: Context, image: Value, around: Arithmetic):
        self.ctx = ctx
        self.around = around
        batch, height, width, channels = image.type.shape
        self.height, self.width = ctx.ints((height, width))
        self.flat = ctx.reshape(image, (batch, self.height * self.width, channels))

    def __call__(self, row: Arithmetic, column: Arithmetic) -> Arithmetic:
        ctx = self.ctx
        inside = (row >= 0) & (row < self.height) & (column >= 0) & (column < self.width)
        row = _clamp(row, self.height)
        column = _clamp(column, self.width)
        index = ctx.cast((row * self.width + column).value, DType.I32)
        count, *size = index.type.shape
        if count == 1:
            pixels = ctx.emit(ops.Gather(1), self.flat, ctx.reshape(index, size))
        else:
            pixels = ctx.emit(ops.Gather(1, 1), self.flat, index)
        return _raised(inside).select(Arithmetic(ctx, pixels), self.around)


def _nearest(pick: _Picker, row: Arithmetic, column: Arithmetic) -> Arithmetic:
    return pick(_rounded(row), _rounded(column))


def _bilinear(pick: _Picker, row: Arithmetic, column: Arithmetic) -> Arithmetic:
    top = row.apply(ops.Floor())
    left = column.apply(ops.Floor())
    rows = ((top, top + 1 - row), (top + 1, row - top))
    columns = ((left, left + 1 - column), (left + 1, column - left))
    terms = [pick(r, c) * _raised(u) * _raised(v) for (r, u), (c, v) in pairs(rows, columns)]
    return terms[0] + terms[1] + terms[2] + terms[3]


def _rounded(x: Arithmetic) -> Arithmetic:
    """The nearest integer, halves away from zero."""
    return (x < 0).select((x - 0.5).apply(ops.Ceil()), (x + 0.5).apply(ops.Floor()))


def _reflect(x: Arithmetic, size: int) -> Arithmetic:
    """Such as dcba|abcd|dcba."""
    if size == 1:
        return x * 0
    period = 2 * size
    before = x + (x / -period).apply(ops.Floor()) * period
    before = (before < -size).select(before + period, -before - 1)
    after = x - (x / period).apply(ops.Floor()) * period
    after = (after >= size).select(-after + (period - 1), after)
    return _clamp((x < 0).select(before, (x > size - 1).select(after, x)), size)


def _wrap(x: Arithmetic, size: int) -> Arithmetic:
    """Such as abcd|abcd|abcd, as TensorFlow counts it: the rest is of division by size - 1."""
    if size == 1:
        return x * 0
    before = x + ((x / -(size - 1)).apply(ops.Floor()) + 1) * size
    after = x - (x / (size - 1)).apply(ops.Floor()) * size
    return _clamp((x < 0).select(before, (x > size - 1).select(after, x)), size)


def _clamp(x: Arithmetic, size: int) -> Arithmetic:
    return x.apply(ops.Clip(0.0, float(size - 1)))


_FILL_MODES: dict[str, Callable[[Arithmetic, int], Arithmetic]] = {
    "CONSTANT": lambda x, size: x,
    "NEAREST": _clamp,
    "REFLECT": _reflect,
    "WRAP": _wrap,
}


def _raised(x: Arithmetic) -> Arithmetic:
    """The same for all channels."""
    return Arithmetic(x.ctx, x.ctx.reshape(x.value, (*x.value.type.shape, 1)))
