"""Resizing of images."""

from __future__ import annotations

from typing import Any

import numpy as np

from kexport import ops
from kexport.capture.context import Context, NotLowered
from kexport.capture.lowering.layouts import channels_last, is_channels_first
from kexport.capture.lowering.table import Table
from kexport.ir.dim import Dim
from kexport.ir.graph import Value
from kexport.ir.op import Array
from kexport.ir.types import DType

table = Table()
KERNELS = {b"triangle": "bilinear", b"keyscubic": "bicubic", b"lanczos3": "lanczos3", b"lanczos5": "lanczos5"}
METHODS = {"ResizeNearestNeighbor": "nearest", "ResizeBilinear": "bilinear", "ResizeBicubic": "bicubic"}


@table.op(*METHODS)
def resize(ctx: Context, op: Any, x: Value, size: Value) -> Value:
    """An image resized with half-pixel centres; a whole factor of nearest needs no such centres."""
    height, width = ctx.dims(size)
    method, aligned = METHODS[op.type], op.get_attr("align_corners")
    upsampling = method == "nearest" and not aligned and _is_upsampling(x, (height, width))
    if not op.get_attr("half_pixel_centers") and not upsampling:
        return _by_corners(ctx, x, (height, width), method, aligned)
    if method == "nearest":
        return ctx.emit(ops.Resize((height, width), method), x)
    return ctx.emit(ops.Resize((height, width), method), ctx.cast(x, DType.F32))


def _by_corners(ctx: Context, x: Value, size: tuple[Dim, Dim], method: str, aligned: bool) -> Value:
    """The older ways, which place output i at i times a factor: in/out, or with aligned corners (in-1)/(out-1)."""
    if method == "bicubic" or not all(isinstance(d, int) for d in (*size, *x.type.shape[1:3])):
        raise NotLowered("resizing without half-pixel centres, bicubic or of images whose size is not fixed")
    x = x if method == "nearest" else ctx.cast(x, DType.F32)
    for axis, out in zip((1, 2), ctx.ints(size), strict=True):
        have = ctx.int(x.type.shape[axis])
        ends = (have - 1, out - 1) if aligned and out > 1 else (have, out)
        places = np.arange(out, dtype=np.float32) * (np.float32(ends[0]) / np.float32(ends[1]))
        if method == "nearest":
            x = _pick(ctx, x, axis, np.floor(places + 0.5) if aligned else np.floor(places))
            continue
        low, share = np.floor(places), (places - np.floor(places)).reshape((out,) + (1,) * (3 - axis))
        before, after = _pick(ctx, x, axis, low), _pick(ctx, x, axis, low + 1)
        change = ctx.emit(ops.Mul(), ctx.emit(ops.Sub(), after, before), ctx.constant(share))
        x = ctx.emit(ops.Add(), before, change)
    return x


def _pick(ctx: Context, x: Value, axis: int, places: Array) -> Value:
    """Rows or columns, the last one for those behind it."""
    last = ctx.int(x.type.shape[axis]) - 1
    return ctx.emit(ops.Gather(axis), x, ctx.constant(np.minimum(places, last).astype(np.int32)))


@table.op("ScaleAndTranslate")
def scale_and_translate(ctx: Context, op: Any, x: Value, size: Value, scale: Value, translation: Value) -> Value:
    """An image resized with a kernel as wide as the factor."""
    height, width = ctx.ints(size)
    factors = [out / in_ for out, in_ in zip((height, width), ctx.ints(list(x.type.shape[1:3])), strict=True)]
    given = None if scale.data is None or translation.data is None else (*scale.data, *translation.data)
    expected = (*factors, 0, 0)
    if op.get_attr("kernel_type") not in KERNELS or given is None:
        raise NotLowered("resizing with this kernel")
    if any(abs(g - e) > 1e-6 * max(abs(e), 1) for g, e in zip(given, expected, strict=True)):
        raise NotLowered("an image is cut out and scaled in one")
    method = KERNELS[op.get_attr("kernel_type")]
    return ctx.emit(ops.Resize((height, width), method, bool(op.get_attr("antialias"))), ctx.cast(x, DType.F32))


@table.op("ResizeArea")
def resize_area(ctx: Context, op: Any, x: Value, size: Value) -> Value:
    """Each pixel the mean of the area that it covers."""
    if op.get_attr("align_corners") or not all(isinstance(d, int) for d in x.type.shape[1:]):
        raise NotLowered("areas between aligned corners, or of images whose size is not fixed")
    batch, rows, columns, channels = x.type.shape
    height, width = ctx.ints(size)
    rows, columns, channels = ctx.ints([rows, columns, channels])
    x = ctx.reshape(ctx.cast(x, DType.F32), (batch, rows, columns * channels))
    x = ctx.emit(ops.MatMul(), ctx.constant(_areas(rows, height)), x)
    x = ctx.reshape(x, (batch, height, columns, channels))
    return ctx.emit(ops.MatMul(), ctx.constant(_areas(columns, width)), x)


def _areas(have: int, want: int) -> Array:
    """How much of each of `want` equal parts of a line each of `have` equal parts is."""
    begin = np.arange(want)[:, None] * have / want
    shared = np.minimum(begin + have / want, np.arange(1, have + 1)) - np.maximum(begin, np.arange(have))
    return (np.maximum(shared, 0) * want / have).astype(np.float32)


@table.frame("layer.UpSampling2D", "layer2.UpSampling2D")
def upsampling(ctx: Context, layer: Any, inputs: Any, **_: Any) -> Value:
    """An image enlarged by whole factors."""
    if layer.interpolation not in ("nearest", "bilinear", "bicubic"):
        raise NotLowered("upsampling with this kernel")
    value = ctx.value(inputs)
    if layer.interpolation != "nearest" and not value.type.dtype.is_float:
        raise NotLowered("upsampling of integers")

    def run(x: Value) -> Value:
        _, h, w, _ = x.type.shape
        return ctx.emit(ops.Resize((h * layer.size[0], w * layer.size[1]), layer.interpolation), x)

    return channels_last(ctx, value, is_channels_first(layer.data_format), run)


def _is_upsampling(x: Value, size: tuple[Any, ...]) -> bool:
    return all(
        isinstance(d, int) and isinstance(s, int) and s % d == 0 for d, s in zip(x.type.shape[1:3], size, strict=True)
    )
