"""Convolutions over two and three spatial axes; legalize brings all others to these."""

from __future__ import annotations

from typing import Any

import numpy as np

from kexport import ops
from kexport.ir.graph import Node, Value
from kexport_tflite.context import Context
from kexport_tflite.emit.activation import fused
from kexport_tflite.emit.table import EMIT

_AXES = {2: "hw", 3: "dhw"}


def window_options(padding: Any, **values: tuple[int, ...]) -> dict[str, Any]:
    """`padding`, and one option for each axis: `stride=(1, 2)` becomes stride_h=1, stride_w=2."""
    assert isinstance(padding, str), "legalize leaves `same` and `valid` only"
    options: dict[str, Any] = {"padding": padding.upper()}
    for name, sizes in values.items():
        pattern = "{}_{}_factor" if name == "dilation" else "{}_{}"
        options |= {pattern.format(name, axis): size for axis, size in zip(_AXES[len(sizes)], sizes, strict=True)}
    return options


def _bias(e: Context, node: Node) -> int:
    """The bias, zeros without one: XNNPACK takes no convolution without bias."""
    if len(node.inputs) == 3:
        return e.tensor(node.inputs[2])
    if e.in_integers:
        return e.zero_bias(node.inputs[0], node.inputs[1])
    filters = node.output.type.shape[-1]
    return e.constant(np.zeros(filters, node.output.type.dtype.numpy))  # type: ignore[arg-type]  static


def _filters(e: Context, kernel: Value, perm: tuple[int, ...]) -> int:
    """The kernel with its axes in another order, at run time if it is computed."""
    if e.is_constant(kernel):
        return e.weights(kernel, lambda a: np.transpose(a, perm))
    type = kernel.type.with_shape(kernel.type.shape[p] for p in perm)
    return e.step("TRANSPOSE", [e.tensor(kernel), e.ints(perm)], type)


@EMIT(ops.Conv)
def conv(e: Context, op: ops.Conv, node: Node) -> None:
    """CONV_2D with its kernel as [O, H, W, I], CONV_3D with [D, H, W, I, O]."""
    (x, kernel) = node.inputs[:2]
    options = window_options(op.padding, stride=op.strides, dilation=op.dilation) | fused(op)
    planar = x.type.rank == 4
    weights = _filters(e, kernel, (3, 0, 1, 2)) if planar else e.tensor(kernel)
    name = "CONV_2D" if planar else "CONV_3D"
    e.emit(name, node, e.tensor(x), weights, _bias(e, node), **options)


@EMIT(ops.DepthwiseConv)
def depthwise_conv(e: Context, op: ops.DepthwiseConv, node: Node) -> None:
    """DEPTHWISE_CONV_2D with its kernel as [1, H, W, C*M]."""
    (x, kernel) = node.inputs[:2]
    weights = _depthwise(e, kernel)
    options = window_options(op.padding, stride=op.strides, dilation=op.dilation) | fused(op)
    options["depth_multiplier"] = kernel.type.shape[-1]
    e.emit("DEPTHWISE_CONV_2D", node, e.tensor(x), weights, _bias(e, node), **options)


def _depthwise(e: Context, kernel: Value) -> int:
    height, width, channels, multiplier = kernel.type.shape
    shape = (1, height, width, channels * multiplier)
    if e.is_constant(kernel):
        return e.weights(kernel, lambda a: a.reshape(shape))  # type: ignore[arg-type]  static
    weights = e.temporary(kernel.type.with_shape(shape))
    e.reshape(e.tensor(kernel), weights, shape)
    return weights


@EMIT(ops.ConvTranspose)
def conv_transpose(e: Context, op: ops.ConvTranspose, node: Node) -> None:
    """CONV_3D_TRANSPOSE with its kernel as [D, H, W, O, I]; over two axes legalize makes a Conv of it."""
    (x, kernel) = node.inputs[:2]
    operands = [e.dims(node.output.type.shape), e.weights(kernel), e.tensor(x)]
    options = window_options(op.padding, stride=op.strides, dilation=op.dilation) | fused(op)
    e.emit("CONV_3D_TRANSPOSE", node, *operands, _bias(e, node), **options)
