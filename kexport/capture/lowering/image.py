"""Colours, patches of images, and the cross product."""

from __future__ import annotations

from typing import Any

import numpy as np

from kexport import ops
from kexport.capture.lowering.arithmetic import Arithmetic
from kexport.capture.lowering.context import Context
from kexport.capture.lowering.table import Table
from kexport.capture.not_lowered import NotLowered
from kexport.ir.graph import Value
from kexport.ir.types import DType

table = Table()


@table.op("RGBToHSV")
def rgb_to_hsv(ctx: Context, op: Any, x: Value) -> Value:
    """Hue, saturation and value of red, green and blue, all from 0 to 1 (Smith 1978)."""
    red, green, blue = _channels(ctx, x)
    most = red.apply(ops.Maximum(), green).apply(ops.Maximum(), blue)
    span = most - red.apply(ops.Minimum(), green).apply(ops.Minimum(), blue)
    saturation = most.apply(ops.Greater(), 0).select(span / most, 0)
    sixth = (span * 6).apply(ops.Reciprocal())
    of_red = (green - blue) * sixth
    of_green = (blue - red) * sixth + 2 / 6
    of_blue = (red - green) * sixth + 4 / 6
    hue = red.apply(ops.Equal(), most).select(of_red, green.apply(ops.Equal(), most).select(of_green, of_blue))
    hue = span.apply(ops.Greater(), 0).select(hue, 0)
    hue = hue.apply(ops.Less(), 0).select(hue + 1, hue)
    return _joined(ctx, hue, saturation, most)


@table.op("HSVToRGB")
def hsv_to_rgb(ctx: Context, op: Any, x: Value) -> Value:
    """The inverse."""
    hue, saturation, value = _channels(ctx, x)
    place = hue * 6
    rest = saturation.apply(ops.Neg()) + 1
    clip = ops.Clip(0.0, 1.0)
    parts = [((place - 3).apply(ops.Abs()) - 1).apply(clip)]
    parts += [((place - middle).apply(ops.Abs()).apply(ops.Neg()) + 2).apply(clip) for middle in (2, 4)]
    return _joined(ctx, *((rest + saturation * part) * value for part in parts))


@table.op("AdjustContrastv2")
def adjust_contrast(ctx: Context, op: Any, x: Value, factor: Value) -> Value:
    """Each channel of an image moved away from its mean."""
    rank = x.type.rank
    wide = ctx.cast(x, DType.F32)
    mean = Arithmetic(ctx, ctx.emit(ops.ReduceMean((rank - 3, rank - 2), keepdims=True), wide))
    moved = (Arithmetic(ctx, wide) - mean) * Arithmetic(ctx, factor) + mean
    return ctx.cast(moved.value, x.type.dtype)


@table.op("AdjustSaturation")
def adjust_saturation(ctx: Context, op: Any, x: Value, factor: Value) -> Value:
    """The saturation times a number, at most 1."""
    hue, saturation, value = _channels(ctx, rgb_to_hsv(ctx, op, x))
    saturation = (saturation * Arithmetic(ctx, factor)).apply(ops.Clip(0.0, 1.0))
    return hsv_to_rgb(ctx, op, _joined(ctx, hue, saturation, value))


@table.op("AdjustHue")
def adjust_hue(ctx: Context, op: Any, x: Value, delta: Value) -> Value:
    """The hue turned by a part of the circle."""
    hue, saturation, value = _channels(ctx, rgb_to_hsv(ctx, op, x))
    hue = hue + Arithmetic(ctx, delta)
    hue = hue - hue.apply(ops.Floor())
    return hsv_to_rgb(ctx, op, _joined(ctx, hue, saturation, value))


@table.op("ExtractImagePatches")
def patches(ctx: Context, op: Any, x: Value) -> Value:
    """Each window as a row of numbers: a depthwise convolution that picks one element each."""
    (_, height, width, _), (_, *strides, _), (_, *rates, _) = (op.get_attr(n) for n in ("ksizes", "strides", "rates"))
    channels = x.type.shape[-1]
    count = height * width
    if not isinstance(channels, int) or not x.type.dtype.is_float:
        raise NotLowered("patches of integers, or of any number of channels")
    picks = np.eye(count, dtype=x.type.dtype.numpy).reshape(height, width, 1, count)
    kernel = ctx.constant(np.broadcast_to(picks, (height, width, channels, count)))
    padding = op.get_attr("padding").decode().lower()
    y = ctx.emit(ops.DepthwiseConv(tuple(strides), padding, tuple(rates)), x, kernel)
    apart = ctx.reshape(y, (*y.type.shape[:-1], channels, count))
    return ctx.reshape(ctx.transpose(apart, (0, 1, 2, 4, 3)), y.type.shape)


@table.op("Cross")
def cross(ctx: Context, op: Any, a: Value, b: Value) -> Value:
    """The vector at right angles to two."""
    axis = a.type.rank - 1

    def turned(x: Value, by: int) -> Value:
        return ctx.emit(ops.Gather(axis), x, ctx.constant(np.roll(np.arange(3, dtype=np.int32), -by)))

    products = [ctx.emit(ops.Mul(), turned(a, i), turned(b, j)) for i, j in ((1, 2), (2, 1))]
    return ctx.emit(ops.Sub(), *products)


def _channels(ctx: Context, x: Value) -> list[Arithmetic]:
    parts = ctx.emit_all(ops.Split(x.type.rank - 1, (1, 1, 1)), x)
    return [Arithmetic(ctx, p) for p in parts]


def _joined(ctx: Context, *parts: Arithmetic) -> Value:
    return ctx.emit(ops.Concat(parts[0].value.type.rank - 1), *(p.value for p in parts))
