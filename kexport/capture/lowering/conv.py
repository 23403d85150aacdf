"""Convolutions, from Keras' calls and from TensorFlow's ops."""

from __future__ import annotations

from typing import Any

from kexport import ops
from kexport.capture.lowering.context import Context, decide
from kexport.capture.lowering.layouts import channels_last, is_channels_first, per_axis
from kexport.capture.lowering.table import Table
from kexport.capture.not_lowered import NotLowered
from kexport.ir.dim import Dim
from kexport.ir.graph import Value
from kexport.ops.window import Padding, transpose_crops

table = Table()


@table.frame("nn.conv")
def conv_call(
    ctx: Context, inputs: Any, kernel: Any, strides: Any, padding: Any, data_format: Any, dilation_rate: Any
) -> Value:
    """A convolution of any rank, with groups if the kernel has fewer input channels."""
    x = ctx.value(inputs)
    k = ctx.value(kernel, like=x)
    axes = x.type.rank - 2

    def run(x: Value) -> Value:
        groups = _channels(x) // int(k.type.shape[-2])  # type: ignore[arg-type]
        return ctx.emit(ops.Conv(per_axis(strides, axes), padding.lower(), per_axis(dilation_rate, axes), groups), x, k)

    return channels_last(ctx, x, is_channels_first(data_format), run)


@table.frame("nn.depthwise_conv")
def depthwise_call(
    ctx: Context, inputs: Any, kernel: Any, strides: Any, padding: Any, data_format: Any, dilation_rate: Any
) -> Value:
    """A convolution of each channel by itself."""
    x = ctx.value(inputs)
    k = ctx.value(kernel, like=x)
    axes = x.type.rank - 2
    op = ops.DepthwiseConv(per_axis(strides, axes), padding.lower(), per_axis(dilation_rate, axes))
    return channels_last(ctx, x, is_channels_first(data_format), lambda x: ctx.emit(op, x, k))


@table.frame("nn.separable_conv")
def separable_call(
    ctx: Context,
    inputs: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Any,
    padding: Any,
    data_format: Any,
    dilation_rate: Any,
) -> Value:
    """A depthwise convolution, then one with a window of 1."""
    x = ctx.value(inputs)
    axes = x.type.rank - 2
    one = (1,) * (x.type.rank - 2)
    depthwise = ops.DepthwiseConv(per_axis(strides, axes), padding.lower(), per_axis(dilation_rate, axes))
    k = ctx.value(depthwise_kernel, like=x)
    p = ctx.value(pointwise_kernel, like=x)

    def run(x: Value) -> Value:
        return ctx.emit(ops.Conv(one, "valid", one), ctx.emit(depthwise, x, k), p)

    return channels_last(ctx, x, is_channels_first(data_format), run)


@table.frame("nn.conv_transpose")
def transpose_call(
    ctx: Context,
    inputs: Any,
    kernel: Any,
    strides: Any,
    padding: Any,
    output_padding: Any,
    data_format: Any,
    dilation_rate: Any,
) -> Value:
    """A transposed convolution with the output size that Keras gives it."""
    x = ctx.value(inputs)
    k = ctx.value(kernel, like=x)
    axes = x.type.rank - 2
    extra = None if output_padding is None else per_axis(output_padding, axes)
    op = ops.ConvTranspose(per_axis(strides, axes), padding.lower(), extra, per_axis(dilation_rate, axes))
    return channels_last(ctx, x, is_channels_first(data_format), lambda x: ctx.emit(op, x, k))


@table.op("Conv2D", "Conv3D")
def conv(ctx: Context, op: Any, x: Value, kernel: Value) -> Value:
    """A convolution of rank 2 or 3."""
    first = _is_first(op)
    strides = _spatial(op.get_attr("strides"), first)
    dilation = _spatial(op.get_attr("dilations"), first)
    padding = _padding(op, first)

    def run(x: Value) -> Value:
        groups = _channels(x) // int(kernel.type.shape[-2])  # type: ignore[arg-type]
        return ctx.emit(ops.Conv(strides, padding, dilation, groups), x, kernel)

    return channels_last(ctx, x, first, run)


@table.op("DepthwiseConv2dNative")
def depthwise(ctx: Context, op: Any, x: Value, kernel: Value) -> Value:
    """A convolution of each channel by itself."""
    first = _is_first(op)
    strides = _spatial(op.get_attr("strides"), first)
    dilation = _spatial(op.get_attr("dilations"), first)
    conv = ops.DepthwiseConv(strides, _padding(op, first), dilation)
    return channels_last(ctx, x, first, lambda x: ctx.emit(conv, x, kernel))


@table.op("Conv2DBackpropInput", "Conv3DBackpropInputV2")
def conv_transpose(ctx: Context, op: Any, sizes: Value, kernel: Value, x: Value) -> Value:
    """A transposed convolution with the output size of an operand."""
    first = _is_first(op)
    strides = _spatial(op.get_attr("strides"), first)
    dilation = _spatial(op.get_attr("dilations"), first)
    padding = _padding(op, first)
    out = _spatial(ctx.dims(sizes), first)

    def run(x: Value) -> Value:
        crops = _crops(x, kernel, strides, dilation, padding, out)
        if isinstance(crops, str):
            return ctx.emit(ops.ConvTranspose(strides, crops, None, dilation), x, kernel)
        beyond = [-high if isinstance(high, int) and high < 0 else 0 for _, high in crops]
        crops = tuple((low, high + more) for (low, high), more in zip(crops, beyond, strict=True))
        y = ctx.emit(ops.ConvTranspose(strides, crops, None, dilation), x, kernel)
        return ctx.emit(ops.Pad(((0, 0), *((0, more) for more in beyond), (0, 0))), y) if any(beyond) else y

    return channels_last(ctx, x, first, run)


def _channels(x: Value) -> int:
    channels = x.type.shape[-1]
    if not isinstance(channels, int):
        raise NotLowered(
            "the number of channels is not known; where it is that of the samples, as in a convolution with kernels of "
            "each sample's own, fix it with --dim batch=1"
        )
    return channels


def _is_first(op: Any) -> bool:
    return op.get_attr("data_format").startswith(b"NC")


def _spatial(values: Any, first: bool) -> Any:
    return tuple(values[2:] if first else values[1:-1])


def _padding(op: Any, first: bool) -> Padding:
    padding = op.get_attr("padding").decode().lower()
    if padding != "explicit":
        return padding
    flat = op.get_attr("explicit_paddings")
    return _spatial(list(zip(flat[::2], flat[1::2], strict=True)), first)


def _crops(
    x: Value, kernel: Value, strides: tuple[int, ...], dilation: tuple[int, ...], padding: Padding, out: tuple[Dim, ...]
) -> Padding:
    """What is cut off the full result, as a word where that means the same; "same" cuts what `out` would be padded."""
    crops = []
    for i, size in enumerate(x.type.shape[1:-1]):
        full = (size - 1) * strides[i] + (kernel.type.shape[i] - 1) * dilation[i] + 1
        total = full - out[i]
        if isinstance(padding, str):
            low = total // 2 if padding == "same" and decide(lambda t=total: t > 0, default=True) else 0
        else:
            low = padding[i][0]
        crops.append((low, total - low))
    window = tuple(int(k) for k in kernel.type.shape[:-2])  # type: ignore[arg-type]
    usual = isinstance(padding, str) and tuple(crops) == transpose_crops(
        x.type.shape[1:-1], window, strides, dilation, padding, None
    )
    return padding if usual else tuple(crops)
