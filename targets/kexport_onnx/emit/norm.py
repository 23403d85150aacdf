"""Normalization."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kexport import ops
from kexport.ir.graph import Node, Value
from kexport_onnx.channels import ChannelsFirst, inner
from kexport_onnx.context import Context, Ref
from kexport_onnx.emit.table import emits

RMS_NORM = 23
"""The opset that brought RMSNormalization."""


@emits(ops.BatchNorm)
def batch_norm(e: Context, node: Node) -> Ref:
    """ONNX's op is channels first; where nothing else is, a product and a sum need no transposes."""
    op: ops.BatchNorm = inner(node)
    if isinstance(node.op, ChannelsFirst):
        return e.op("BatchNormalization", *e.refs(node), epsilon=op.epsilon)
    gamma, beta, mean, variance = _affine(e, op, node.inputs[1:])
    if mean is None:
        return e.op("Add", e.op("Mul", e.ref(node.inputs[0]), gamma), beta)
    centered = e.op("Sub", e.ref(node.inputs[0]), mean)
    deviation = e.op("Sqrt", e.op("Add", variance, e.const(op.epsilon, gamma.dtype)))
    return e.op("Add", e.op("Mul", centered, e.op("Div", gamma, deviation)), beta)


def _affine(e: Context, op: ops.BatchNorm, values: Sequence[Value]) -> tuple[Ref, Ref, Ref | None, Ref | None]:
    """Factor and offset if all parameters are constant, else the parameters."""
    data = [v.data.astype(np.float64) for v in values if v.data is not None]
    if len(data) < len(values):
        gamma, beta, mean, variance = map(e.ref, values)
        return gamma, beta, mean, variance
    gamma, beta, mean, variance = data
    factor = gamma / np.sqrt(variance + op.epsilon)
    dtype, name = values[0].type.dtype, values[0].name
    return e.const(factor, dtype, f"{name}/factor"), e.const(beta - mean * factor, dtype, f"{name}/offset"), None, None


@emits(ops.LayerNorm)
def layer_norm(e: Context, node: Node) -> Ref:
    op = node.op
    assert isinstance(op, ops.LayerNorm)
    x, gamma, beta = node.inputs
    axes = _trailing(op.axes, x)
    if axes is not None:
        return e.op("LayerNormalization", *e.refs(node), axis=axes, epsilon=op.epsilon)
    over = e.ints(sorted(a % x.type.rank for a in op.axes))
    centered = e.op("Sub", e.ref(x), e.op("ReduceMean", e.ref(x), over))
    scaled = _scaled(e, centered, centered, over, op.epsilon)
    return e.op("Add", e.op("Mul", scaled, _along(e, gamma, x, op.axes)), _along(e, beta, x, op.axes))


@emits(ops.RmsNorm)
def rms_norm(e: Context, node: Node) -> Ref:
    op = node.op
    assert isinstance(op, ops.RmsNorm)
    x, gamma = node.inputs
    axis = _trailing(op.axes, x)
    if axis is not None and e.opset >= RMS_NORM:
        return e.op("RMSNormalization", *e.refs(node), axis=axis, epsilon=op.epsilon)
    over = e.ints(sorted(a % x.type.rank for a in op.axes))
    scaled = _scaled(e, e.ref(x), e.ref(x), over, op.epsilon)
    return e.op("Mul", scaled, _along(e, gamma, x, op.axes))


@emits(ops.GroupNorm)
def group_norm(e: Context, node: Node) -> Ref:
    """Channels first: each group is a channel of an instance normalization. ORT has no kernel for groups."""
    op: ops.GroupNorm = inner(node)
    x, gamma, beta = node.inputs
    channels, spatial = x.type.shape[1], x.type.rank - 2
    if op.groups == channels and spatial:
        return e.op("InstanceNormalization", *e.refs(node), epsilon=op.epsilon)
    dtype = x.type.dtype
    ones, zeros = e.const(np.ones(op.groups), dtype), e.const(np.zeros(op.groups), dtype)
    grouped = e.op("Reshape", e.ref(x), e.ints([0, op.groups, -1]))
    normal = e.op("InstanceNormalization", grouped, ones, zeros, epsilon=op.epsilon)
    whole = e.op("Reshape", normal, e.dims(x.type.shape))
    aligned = (channels, *(1,) * spatial)
    factor, offset = (e.parameter(v, (0,), aligned) for v in (gamma, beta))  # type: ignore[arg-type]
    return e.op("Add", e.op("Mul", whole, factor), offset)


def _scaled(e: Context, x: Ref, squared: Ref, axes: Ref, epsilon: float) -> Ref:
    """x / sqrt(mean of squared**2 + epsilon)."""
    power = e.op("ReduceMean", e.op("Mul", squared, squared), axes)
    return e.op("Div", x, e.op("Sqrt", e.op("Add", power, e.const(epsilon, x.dtype))))


def _trailing(axes: Sequence[int], x: Value) -> int | None:
    """The first of the axes if they are the last ones of x."""
    found = sorted(a % x.type.rank for a in axes)
    return found[0] if found == list(range(x.type.rank - len(found), x.type.rank)) and found else None


def _along(e: Context, parameter: Value, x: Value, axes: Sequence[int]) -> Ref:
    """A parameter with its axes where they are in x."""
    kept = {a % x.type.rank for a in axes}
    shape = [d if i in kept else 1 for i, d in enumerate(x.type.shape)]
    return e.parameter(parameter, tuple(range(parameter.type.rank)), shape)  # type: ignore[arg-type]
