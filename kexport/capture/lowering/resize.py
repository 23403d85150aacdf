"""Resizing of images."""

from __future__ import annotations

from typing import Any

import numpy as np

from kexport import ops
from kexport.capture.lowering.context import Context
from kexport.capture.lowering.float_sizes import quotient
from kexport.capture.lowering.layouts import channels_last, is_channels_first
from kexport.capture.lowering.table import Table
from kexport.capture.not_lowered import NotLowered
from kexport.ir.dim import Dim, dim_max, dim_min
from kexport.ir.graph import Value
from kexport.ir.op import Array
from kexport.ir.types import DType

table = Table()
KERNELS = {b"triangle": "bilinear", b"keyscubic": "bicubic", b"lanczos3": "lanczos3", b"lanczos5": "lanczos5"}
METHODS_OF_KERAS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")
METHODS = {"ResizeNearestNeighbor": "nearest", "ResizeBilinear": "bilinear", "ResizeBicubic": "bicubic"}


@table.op(*METHODS)
def resize(ctx: Context, op: Any, x: Value, size: Value) -> Value:
    """An image resized with half-pixel centres; a whole factor of nearest needs no such centres."""
    height, width = ctx.dims(size)
    method = METHODS[op.type]
    aligned = op.get_attr("align_corners")
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
        low = np.floor(places)
        share = (places - np.floor(places)).reshape((out,) + (1,) * (3 - axis))
        before = _pick(ctx, x, axis, low)
        after = _pick(ctx, x, axis, low + 1)
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
    if op.get_attr("kernel_type") not in KERNELS:
        raise NotLowered("resizing with this kernel")
    height, width = ctx.dims(size)
    if not _is_whole(x, (height, width), scale) or translation.data is None or translation.data.any():
        raise NotLowered("an image is cut out and scaled in one")
    method = KERNELS[op.get_attr("kernel_type")]
    return ctx.emit(ops.Resize((height, width), method, bool(op.get_attr("antialias"))), ctx.cast(x, DType.F32))


def _is_whole(x: Value, size: tuple[Dim, ...], scale: Value) -> bool:
    """Whether an image of this size is the whole one scaled."""
    old = x.type.shape[1:3]
    if scale.data is None:
        return quotient(scale) == (size, old)
    if not all(isinstance(d, int) for d in (*old, *size)):
        return False
    factors = [out / in_ for out, in_ in zip(size, old, strict=True)]  # type: ignore[operator]  ints
    return all(abs(g - e) <= 1e-6 * max(abs(e), 1) for g, e in zip(scale.data, factors, strict=True))


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
    if layer.interpolation not in METHODS_OF_KERAS:
        raise NotLowered("upsampling with this kernel")
    value = ctx.value(inputs)
    if layer.interpolation != "nearest" and not value.type.dtype.is_float:
        raise NotLowered("upsampling of integers")

    def run(x: Value) -> Value:
        _, h, w, _ = x.type.shape
        return ctx.emit(ops.Resize((h * layer.size[0], w * layer.size[1]), layer.interpolation), x)

    return channels_last(ctx, value, is_channels_first(layer.data_format), run)


@table.frame("layer.Resizing")
def resizing(ctx: Context, layer: Any, inputs: Any, **_: Any) -> Value:
    """With an aspect ratio that is kept; what it does otherwise is lowered call by call."""
    how = (layer.crop_to_aspect_ratio, layer.pad_to_aspect_ratio, layer.fill_value)
    first = is_channels_first(layer.data_format)
    size = (layer.height, layer.width)
    x = _images(ctx, inputs, first, *how[:2])
    return channels_last(ctx, x, first, lambda x: _in_ratio(ctx, x, size, layer.interpolation, layer.antialias, *how))


@table.frame("image.resize")
def resize_call(
    ctx: Context,
    images: Any,
    size: Any,
    interpolation: Any,
    antialias: Any,
    crop_to_aspect_ratio: Any,
    pad_to_aspect_ratio: Any,
    fill_mode: Any,
    fill_value: Any,
    data_format: Any,
) -> Value:
    """The same as a function."""
    how = (crop_to_aspect_ratio, pad_to_aspect_ratio, fill_value)
    first = is_channels_first(data_format)
    x = _images(ctx, images, first, *how[:2])
    return channels_last(ctx, x, first, lambda x: _in_ratio(ctx, x, tuple(size), interpolation, antialias, *how))


def _images(ctx: Context, images: Any, channels_first: bool, crop: Any, pad: Any) -> Value:
    """The images, where only the frame can say how they are cut or padded: their size is open, and tensors decide."""
    if isinstance(images, dict) or not (crop or pad):
        raise NotLowered("images that are resized as they are")
    x = ctx.value(images)
    spatial = x.type.shape[2:] if channels_first else x.type.shape[1:3]
    if x.type.rank != 4 or not x.type.dtype.is_float or all(isinstance(d, int) for d in spatial):
        raise NotLowered("images whose size is known, or that are no batch of floats")
    return x


def _in_ratio(
    ctx: Context, x: Value, size: tuple[int, int], method: str, antialias: bool, crop: bool, pad: bool, fill: float
) -> Value:
    """Images cut or padded to the ratio of `size`, and resized."""
    height, width = x.type.shape[1:3]
    fitting = (width * size[0] // size[1], height * size[1] // size[0])
    if crop:
        kept = tuple(dim_max(dim_min(d, f), 1) for d, f in zip((height, width), fitting, strict=True))
        begin = (0, (height - kept[0]) // 2, (width - kept[1]) // 2, 0)
        end = (x.type.shape[0], begin[1] + kept[0], begin[2] + kept[1], x.type.shape[3])
        x = ctx.emit(ops.Slice(begin, end, (1, 1, 1, 1)), x)
    elif pad:
        more = [(dim_max(d, f) - d) // 2 for d, f in zip((height, width), fitting, strict=True)]
        pads = ((0, 0), (more[0], more[0]), (more[1], more[1]), (0, 0))
        x = ctx.emit(ops.Pad(pads, "constant", float(fill)), x)
    return ctx.emit(ops.Resize(size, method, bool(antialias) and method != "nearest"), x)


def _is_upsampling(x: Value, size: tuple[Any, ...]) -> bool:
    return all(
        isinstance(d, int) and isinstance(s, int) and s % d == 0 for d, s in zip(x.type.shape[1:3], size, strict=True)
    )
