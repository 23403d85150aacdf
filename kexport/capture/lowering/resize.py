"""Resizing of images."""

from __future__ import annotations

from typing import Any

from kexport import ops
from kexport.capture.context import Context, NotLowered
from kexport.capture.lowering.layouts import channels_last, is_channels_first
from kexport.capture.lowering.table import Table
from kexport.ir.graph import Value
from kexport.ir.types import DType

table = Table()
KERNELS = {b"triangle": "bilinear", b"keyscubic": "bicubic", b"lanczos3": "lanczos3", b"lanczos5": "lanczos5"}
METHODS = {"ResizeNearestNeighbor": "nearest", "ResizeBilinear": "bilinear", "ResizeBicubic": "bicubic"}


@table.op(*METHODS)
def resize(ctx: Context, op: Any, x: Value, size: Value) -> Value:
    """An image resized with half-pixel centres; a whole factor of nearest needs no such centres."""
    height, width = ctx.dims(size)
    method = METHODS[op.type]
    if op.get_attr("align_corners"):
        raise NotLowered("resizing with aligned corners")
    if not op.get_attr("half_pixel_centers") and not (method == "nearest" and _is_upsampling(x, (height, width))):
        raise NotLowered("resizing without half-pixel centres")
    if method == "nearest":
        return ctx.emit(ops.Resize((height, width), method), x)
    return ctx.emit(ops.Resize((height, width), method), ctx.cast(x, DType.F32))


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
