"""Normalization, from Keras' layers and calls, and the batch normalization of older graphs."""

from __future__ import annotations

from typing import Any

import numpy as np

from kexport import ops
from kexport.capture.lowering.context import Context
from kexport.capture.lowering.layouts import channels_last, from_last, to_last
from kexport.capture.lowering.table import Table
from kexport.capture.not_lowered import NotLowered
from kexport.ir.graph import Value
from kexport.ir.types import DType

table = Table()


@table.frame("nn.batch_normalization")
def batch_norm_call(
    ctx: Context, x: Any, mean: Any, variance: Any, axis: Any, offset: Any, scale: Any, epsilon: Any
) -> Value:
    """Batch normalization along any axis, with given mean and variance."""
    value = ctx.value(x)
    if not isinstance(axis, int) or not value.type.dtype.is_float:
        raise NotLowered("batch normalization along several axes, or of integers")
    m = ctx.value(mean, like=value)
    v = ctx.value(variance, like=value)
    gamma = _parameter(ctx, scale, m, 1)
    beta = _parameter(ctx, offset, m, 0)
    if {p.type.rank for p in (m, v, gamma, beta)} != {1}:
        raise NotLowered("mean and variance are not one number for each channel")
    y = ctx.emit(ops.BatchNorm(float(epsilon)), to_last(ctx, value, axis), gamma, beta, m, v)
    return from_last(ctx, y, axis)


def batch_norm_layer(ctx: Context, layer: Any, inputs: Any) -> Value:
    """Keras' layer with its moving mean and variance, computed in float32 at least."""
    offset = layer.beta if layer.center else None
    scale = layer.gamma if layer.scale else None
    mean = layer.moving_mean
    variance = layer.moving_variance
    wide, _ = _widened(ctx, inputs)
    y = ctx.value(batch_norm_call(ctx, wide, mean, variance, layer.axis, offset, scale, layer.epsilon))
    return ctx.cast(y, ctx.dtype)


@table.frame("layer.LayerNormalization", "layer2.LayerNormalization")
def layer_norm(ctx: Context, layer: Any, inputs: Any, **_: Any) -> Value:
    """Layer normalization over any axes, computed in float32 at least."""
    if getattr(layer, "rms_scaling", False):
        raise NotLowered("layer normalization with rms_scaling")
    x, dtype = _widened(ctx, inputs)
    axes = _ascending(layer.axis, x.type.rank)
    shape = tuple(x.type.shape[a] for a in axes)
    gamma = ctx.full(shape, 1, dtype) if layer.gamma is None else ctx.value(layer.gamma, like=dtype)
    beta = ctx.full(shape, 0, dtype) if layer.beta is None else ctx.value(layer.beta, like=dtype)
    return ctx.cast(ctx.emit(ops.LayerNorm(axes, float(layer.epsilon)), x, gamma, beta), ctx.dtype)


@table.frame("layer.RMSNormalization")
def rms_norm(ctx: Context, layer: Any, x: Any, **_: Any) -> Value:
    """Root-mean-square normalization, computed in float32 at least."""
    value, dtype = _widened(ctx, x)
    axes = _ascending(layer.axis, value.type.rank)
    if axes != tuple(range(value.type.rank - len(axes), value.type.rank)):
        raise NotLowered("its scale is broadcast from the last axes")
    scale = ctx.value(layer.scale, like=DType.of(layer.compute_dtype))
    return ctx.cast(ctx.emit(ops.RmsNorm(axes, float(layer.epsilon)), value, ctx.cast(scale, dtype)), ctx.dtype)


@table.frame("layer.GroupNormalization")
def group_norm(ctx: Context, layer: Any, inputs: Any, **_: Any) -> Value:
    """Normalization of each example by groups of channels, computed in float32 at least."""
    x, dtype = _widened(ctx, inputs)
    x = to_last(ctx, x, layer.axis)
    shape = (x.type.shape[-1],)
    gamma = ctx.value(layer.gamma, like=dtype) if layer.scale else ctx.full(shape, 1, dtype)
    beta = ctx.value(layer.beta, like=dtype) if layer.center else ctx.full(shape, 0, dtype)
    y = ctx.emit(ops.GroupNorm(layer.groups, float(layer.epsilon)), x, gamma, beta)
    return ctx.cast(from_last(ctx, y, layer.axis), ctx.dtype)


@table.op("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")
def fused_batch_norm(
    ctx: Context, op: Any, x: Value, gamma: Value, beta: Value, mean: Value, variance: Value
) -> tuple[Value, ...]:
    """Batch normalization with given mean and variance; the other results are for training."""
    if op.get_attr("is_training"):
        return _with_batch_statistics(ctx, op, x, gamma, beta)
    dtype = x.type.dtype
    batch_norm = ops.BatchNorm(float(op.get_attr("epsilon")))
    parameters = [ctx.cast(p, dtype) for p in (gamma, beta, mean, variance)]
    first = op.get_attr("data_format").startswith(b"NC")
    y = channels_last(ctx, x, first, lambda x: ctx.emit(batch_norm, x, *parameters))
    return (y, mean, variance, mean, variance, ctx.constant(np.zeros(0, np.float32)))[: len(op.outputs)]


def _with_batch_statistics(ctx: Context, op: Any, x: Value, gamma: Value, beta: Value) -> tuple[Value, ...]:
    """Normalization by the mean and variance of the batch itself, which Keras 2 makes layer normalization of."""
    channel = 1 if op.get_attr("data_format").startswith(b"NC") else x.type.rank - 1
    axes = tuple(i for i in range(x.type.rank) if i != channel)
    along = tuple(d if i == channel else 1 for i, d in enumerate(x.type.shape))
    centered = ctx.emit(ops.Sub(), x, ctx.emit(ops.ReduceMean(axes, True), x))
    variance = ctx.emit(ops.ReduceMean(axes, True), ctx.emit(ops.Square(), centered))
    spread = ctx.emit(ops.Rsqrt(), ctx.emit(ops.Add(), variance, ctx.number(op.get_attr("epsilon"), variance)))
    y = ctx.emit(ops.Mul(), ctx.emit(ops.Mul(), centered, spread), ctx.reshape(gamma, along))
    y = ctx.emit(ops.Add(), y, ctx.reshape(beta, along))
    others = ctx.foreign(op.type, "the statistics of the batch are a result", [gamma.type] * (len(op.outputs) - 1))
    return y, *others


def _parameter(ctx: Context, parameter: Any, like: Value, default: float) -> Value:
    if parameter is None:
        return ctx.full(like.type.shape, default, like.type.dtype)
    return ctx.value(parameter, like=like)


def _widened(ctx: Context, x: Any) -> tuple[Value, DType]:
    """x in at least float32."""
    value = ctx.value(x)
    dtype = value.type.dtype if value.type.dtype is DType.F64 else DType.F32
    return ctx.cast(value, dtype), dtype


def _ascending(axis: Any, rank: int) -> tuple[int, ...]:
    """Axes counted from the front, in Keras' order, which has to be ascending for the parameters to fit."""
    axes = tuple(a % rank for a in sorted([axis] if isinstance(axis, int) else axis))
    if list(axes) != sorted(axes):
        raise NotLowered("its axes are counted from both ends")
    return axes


@table.op("LRN")
def local_response(ctx: Context, op: Any, x: Value) -> Value:
    """Divided by a power of the sum of squares in the channels around."""
    radius = op.get_attr("depth_radius")
    bias, alpha, beta = (op.get_attr(n) for n in ("bias", "alpha", "beta"))
    channels = x.type.shape[-1]
    if not isinstance(channels, int):
        raise NotLowered("the number of channels is not known")
    radius = min(radius, channels - 1)
    shape = x.type.shape[:-1]
    ends = (0,) * (x.type.rank - 1)
    wide = ctx.emit(ops.Pad((*(((0, 0),) * (x.type.rank - 1)), (radius, radius))), ctx.emit(ops.Square(), x))
    total: Value | None = None
    for first in range(2 * radius + 1):
        part = ctx.emit(ops.Slice((*ends, first), (*shape, first + channels), (1,) * x.type.rank), wide)
        total = part if total is None else ctx.emit(ops.Add(), total, part)
    assert total is not None
    base = ctx.emit(ops.Add(), ctx.emit(ops.Mul(), total, ctx.number(alpha, x)), ctx.number(bias, x))
    return ctx.emit(ops.Mul(), x, ctx.emit(ops.Pow(), base, ctx.number(-beta, x)))
