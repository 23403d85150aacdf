"""Convolutions and pools from plainer ones."""

from __future__ import annotations

import dataclasses
import math

from kexport import ops
from kexport.ir.graph import Node, Value
from kexport.rewrite import Rewriter, rule


@rule(ops.DepthwiseConv)
def depthwise_conv(op: ops.DepthwiseConv, node: Node, rewriter: Rewriter) -> Value | None:
    """A convolution with one group for each channel."""
    x, kernel, *bias = node.inputs
    *window, channels, multiplier = kernel.type.shape
    kernel = rewriter.add(ops.Reshape((*window, 1, channels * multiplier)), kernel)
    groups = int(channels)  # type: ignore[arg-type]
    return rewriter.add(ops.Conv(op.strides, op.padding, op.dilation, groups, op.activation), x, kernel, *bias)


RULES = (depthwise_conv,)


@rule(ops.Conv, ops.DepthwiseConv, ops.MaxPool)
def explicit_padding(op: ops.Conv | ops.DepthwiseConv | ops.MaxPool, node: Node, rewriter: Rewriter) -> Value | None:
    """Explicit padding as a pad of its own, for targets that know `same` and `valid` alone."""
    padding = op.padding
    if isinstance(padding, str):
        return None
    value = -math.inf if isinstance(op, ops.MaxPool) else 0.0
    x, *rest = node.inputs
    padded = rewriter.add(ops.Pad(((0, 0), *padding, (0, 0)), value=value), x)
    return rewriter.add(dataclasses.replace(op, padding="valid"), padded, *rest)


@rule(ops.Conv, ops.DepthwiseConv, ops.ConvTranspose, ops.Dense)
def fused_activation(
    op: ops.Conv | ops.DepthwiseConv | ops.ConvTranspose | ops.Dense, node: Node, rewriter: Rewriter
) -> Value | None:
    """The activation as an op of its own, for targets that cannot fuse it."""
    if op.activation is None:
        return None
    plain = dataclasses.replace(op, activation=None)
    return rewriter.add(ops.ACTIVATIONS[op.activation], rewriter.add(plain, *node.inputs))
