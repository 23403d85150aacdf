"""Pooling, from Keras' calls and from TensorFlow's ops."""

from __future__ import annotations

from typing import Any

from kexport import ops
from kexport.capture.lowering.context import Context
from kexport.capture.lowering.layouts import channels_last, is_channels_first, per_axis
from kexport.capture.lowering.table import Table
from kexport.capture.not_lowered import NotLowered
from kexport.ir.graph import Value
from kexport.ir.op import Op

table = Table()


@table.frame("nn.max_pool")
def max_pool_call(ctx: Context, inputs: Any, pool_size: Any, strides: Any, padding: Any, data_format: Any) -> Value:
    """The greatest element of each window."""
    return _pool_call(ctx, ops.MaxPool, inputs, pool_size, strides, padding, data_format)


@table.frame("nn.average_pool")
def average_pool_call(ctx: Context, inputs: Any, pool_size: Any, strides: Any, padding: Any, data_format: Any) -> Value:
    """The mean of each window, padding not counted."""
    return _pool_call(ctx, ops.AvgPool, inputs, pool_size, strides, padding, data_format)


@table.op("MaxPool", "MaxPool3D")
def max_pool(ctx: Context, op: Any, x: Value) -> Value:
    """The greatest element of each window."""
    return _pool(ctx, ops.MaxPool, op, x)


@table.op("AvgPool", "AvgPool3D")
def average_pool(ctx: Context, op: Any, x: Value) -> Value:
    """The mean of each window, padding not counted."""
    return _pool(ctx, ops.AvgPool, op, x)


def _pool_call(
    ctx: Context, cls: type[Op], inputs: Any, pool_size: Any, strides: Any, padding: str, data_format: Any
) -> Value:
    x = ctx.value(inputs)
    axes = x.type.rank - 2
    window = per_axis(pool_size, axes)
    op: Any = cls
    pool = op(window, window if strides is None else per_axis(strides, axes), padding.lower())
    return channels_last(ctx, x, is_channels_first(data_format), lambda x: ctx.emit(pool, x))


def _pool(ctx: Context, cls: type[Op], op: Any, x: Value) -> Value:
    first = op.get_attr("data_format").startswith(b"NC")
    window, strides = (list(op.get_attr(name)) for name in ("ksize", "strides"))
    channel = 1 if first else -1
    if window[0] != 1 or window[channel] != 1 or strides[0] != 1 or strides[channel] != 1:
        raise NotLowered("it pools over examples or channels")
    padding = op.get_attr("padding").decode().lower()
    if padding == "explicit":
        flat = op.get_attr("explicit_paddings")
        pads = list(zip(flat[::2], flat[1::2], strict=True))
        padding = tuple(pads[2:] if first else pads[1:-1])
    spatial = slice(2, None) if first else slice(1, -1)
    make: Any = cls
    pool = make(tuple(window[spatial]), tuple(strides[spatial]), padding)
    return channels_last(ctx, x, first, lambda x: ctx.emit(pool, x))
