"""Convolutions and pools over windows: two or three axes, plain padding, no groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from kexport import ops
from kexport.ir.dim import SymDim
from kexport.ir.graph import Node, Value
from kexport.ops.arrays import lowest
from kexport.ops.window import explicit_pads
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.rule import Replacement
from kexport_shared.emit.planar import with_row

_NONE = ((0, 0),)


@rule(ops.Conv, ops.DepthwiseConv, ops.ConvTranspose, ops.MaxPool, ops.AvgPool)
def line_as_image(
    op: ops.Conv | ops.DepthwiseConv | ops.ConvTranspose | ops.MaxPool | ops.AvgPool, node: Node, rewriter: Rewriter
) -> Replacement:
    """Make a line an image of one row."""
    if node.inputs[0].type.rank != 3:
        return None
    x, *rest = node.inputs
    operands = [_with_row(rewriter, x)]
    if rest:
        operands += [reshaped(rewriter, rest[0], (1, *rest[0].type.shape)), *rest[1:]]
    y = rewriter.add(with_row(op), *operands)
    return rewriter.add(ops.Reshape(node.output.type.shape), y)


def _with_row(rewriter: Rewriter, x: Value) -> Value:
    batch, *rest = x.type.shape
    return rewriter.add(ops.Reshape((batch, 1, *rest)), x)


def reshaped(rewriter: Rewriter, x: Value, shape: tuple[Any, ...]) -> Value:
    """Reshape x; a constant stays one."""
    if x.data is not None:
        return rewriter.constant(x.data.reshape(shape), x.name)
    return rewriter.add(ops.Reshape(shape), x)


@rule(ops.Conv)
def groups(op: ops.Conv, node: Node, rewriter: Rewriter) -> Replacement:
    """Make a convolution with a group per channel depthwise, and convolve other groups separately."""
    x, kernel, *bias = node.inputs
    *window, inner, filters = kernel.type.shape
    if op.groups == 1:
        return None
    if inner == 1 and len(op.strides) < 3:
        depthwise = ops.DepthwiseConv(op.strides, op.padding, op.dilation, op.activation)
        shape = (*window, op.groups, filters // op.groups)
        return rewriter.add(depthwise, x, reshaped(rewriter, kernel, shape), *bias)
    parts = [_parts(rewriter, v, -1, op.groups) for v in (x, kernel, *bias)]
    made = [rewriter.add(replace(op, groups=1), *operands) for operands in zip(*parts, strict=True)]
    return rewriter.add(ops.Concat(x.type.rank - 1), *made)


@rule(ops.ConvTranspose)
def transposed_groups(op: ops.ConvTranspose, node: Node, rewriter: Rewriter) -> Replacement:
    """Convolve groups separately."""
    if op.groups == 1:
        return None
    parts = [_parts(rewriter, v, -1, op.groups) for v in node.inputs]
    made = [rewriter.add(replace(op, groups=1), *operands) for operands in zip(*parts, strict=True)]
    return rewriter.add(ops.Concat(node.output.type.rank - 1), *made)


def _parts(rewriter: Rewriter, x: Value, axis: int, count: int) -> Sequence[Value]:
    axis %= x.type.rank
    size = x.type.shape[axis] // count
    if x.data is not None:
        return [rewriter.constant(piece, x.name) for piece in np.split(x.data, count, axis)]
    return rewriter.add_all(ops.Split(axis, (size,) * count), x)


@rule(ops.DepthwiseConv)
def depthwise_volume(op: ops.DepthwiseConv, node: Node, rewriter: Rewriter) -> Replacement:
    """Convolve each channel separately over three axes."""
    if len(op.strides) != 3:
        return None
    x, kernel, *bias = node.inputs
    *window, channels, multiplier = kernel.type.shape
    flat = reshaped(rewriter, kernel, (*window, 1, channels * multiplier))
    count: Any = channels
    return rewriter.add(ops.Conv(op.strides, op.padding, op.dilation, count, op.activation), x, flat, *bias)


@rule(ops.DepthwiseConv)
def strides_that_differ(op: ops.DepthwiseConv, node: Node, rewriter: Rewriter) -> Replacement:
    """Keep every stride-th output: TensorFlow's depthwise convolution has one stride for both axes."""
    return None if len(set(op.strides)) == 1 else _sparse(node, rewriter)


@rule(ops.Conv, ops.DepthwiseConv)
def strides_and_dilation(op: ops.Conv | ops.DepthwiseConv, node: Node, rewriter: Rewriter) -> Replacement:
    """Keep every stride-th output of the convolution without strides, as no kernel has strides and dilation."""
    both = max(op.strides) > 1 and max(op.dilation) > 1
    return _sparse(node, rewriter) if both else None


def _sparse(node: Node, rewriter: Rewriter) -> Replacement:
    op: Any = node.op
    x, kernel, *_ = node.inputs
    pads = explicit_pads(x.type.shape[1:-1], kernel.type.shape[:-2], op.strides, op.dilation, op.padding)
    dense = rewriter.add(replace(op, strides=(1,) * len(op.strides), padding=pads), *node.inputs)
    strides = (1, *op.strides, 1)
    return rewriter.add(ops.Slice((0,) * len(strides), dense.type.shape, strides), dense)


@rule(ops.Conv, ops.ConvTranspose)
def dilated_kernel(op: ops.Conv | ops.ConvTranspose, node: Node, rewriter: Rewriter) -> Replacement:
    """Put zeros between the elements of the kernel, where there are no dilated kernels."""
    kernel = node.inputs[1]
    if max(op.dilation) == 1 or (isinstance(op, ops.Conv) and len(op.strides) < 3) or kernel.data is None:
        return None
    *window, c, o = kernel.data.shape
    wide = np.zeros([(k - 1) * d + 1 for k, d in zip(window, op.dilation, strict=True)] + [c, o], kernel.data.dtype)
    wide[tuple(slice(None, None, d) for d in op.dilation)] = kernel.data
    plain = replace(op, dilation=(1,) * len(op.dilation))
    return rewriter.add(plain, node.inputs[0], rewriter.constant(wide, kernel.name), *node.inputs[2:])


@rule(ops.Conv, ops.DepthwiseConv)
def open_padding(op: ops.Conv | ops.DepthwiseConv, node: Node, rewriter: Rewriter) -> Replacement:
    """Make padding that depends on the input size, or of three axes, a separate pad."""
    if isinstance(op.padding, str):
        return None
    pads = [p for pair in op.padding for p in pair]
    is_open = any(isinstance(p, SymDim) for p in pads)
    if not is_open and not any(pads):
        return rewriter.add(replace(op, padding="valid"), *node.inputs)
    if not is_open and len(op.strides) == 2:
        return None
    padded = rewriter.add(ops.Pad((*_NONE, *op.padding, *_NONE)), node.inputs[0])
    return rewriter.add(replace(op, padding="valid"), padded, *node.inputs[1:])


@rule(ops.MaxPool)
def padded_max_pool(op: ops.MaxPool, node: Node, rewriter: Rewriter) -> Replacement:
    """Make padding a separate pad, with values that never win."""
    if isinstance(op.padding, str):
        return None
    (x,) = node.inputs
    least: Any = lowest(x.type.dtype.numpy)
    padded = rewriter.add(ops.Pad((*_NONE, *op.padding, *_NONE), value=least), x)
    return rewriter.add(replace(op, padding="valid"), padded)


@rule(ops.AvgPool)
def padded_avg_pool(op: ops.AvgPool, node: Node, rewriter: Rewriter) -> Replacement:
    """Divide the mean over padded windows by the fraction of each window that is not padding."""
    if isinstance(op.padding, str):
        return None
    (x,) = node.inputs
    pads = (*_NONE, *op.padding, *_NONE)
    valid = replace(op, padding="valid")
    ones = rewriter.add(ops.Full((1, *x.type.shape[1:-1], 1), 1.0, x.type.dtype))
    sums, parts = (rewriter.add(valid, rewriter.add(ops.Pad(pads), v)) for v in (x, ones))
    return rewriter.add(ops.Div(), sums, parts)


RULES = (
    line_as_image,
    groups,
    transposed_groups,
    depthwise_volume,
    strides_that_differ,
    strides_and_dilation,
    dilated_kernel,
    open_padding,
    padded_max_pool,
    padded_avg_pool,
)
