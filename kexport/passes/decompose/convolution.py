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
    match op:
        case ops.DepthwiseConv(strides=strides, padding=padding, dilation=dilation, activation=activation):
            *window, channels, multiplier = kernel.type.shape
            kernel = rewriter.add(ops.Reshape((*window, 1, channels * multiplier)), kernel)
            groups = int(channels)  # type: ignore[arg-type]
            return rewriter.add(ops.Conv(strides, padding, dilation, groups, activation), x, kernel, *bias)
        case _:
            return None


RULES = (depthwise_conv,)


@rule(ops.Conv, ops.DepthwiseConv, ops.MaxPool)
def explicit_padding(op: ops.Conv | ops.DepthwiseConv | ops.MaxPool, node: Node, rewriter: Rewriter) -> Value | None:
    """Explicit padding as a pad of its own, for targets that know `same` and `valid` alone."""
    match op:
        case ops.Conv(padding=padding) | ops.DepthwiseConv(padding=padding) if not isinstance(padding, str):
            value = 0.0
        case ops.MaxPool(padding=padding) if not isinstance(padding, str):
            value = -math.inf
        case _:
            return None
    x, *rest = node.inputs
    padded = rewriter.add(ops.Pad(((0, 0), *padding, (0, 0)), value=value), x)
    return rewriter.add(dataclasses.replace(op, padding="valid"), padded, *rest)


@rule(ops.Conv, ops.DepthwiseConv, ops.ConvTranspose, ops.Dense)
def fused_activation(
    op: ops.Conv | ops.DepthwiseConv | ops.ConvTranspose | ops.Dense, node: Node, rewriter: Rewriter
) -> Value | None:
    """The activation as an op of its own, for targets that cannot fuse it."""
    match op:
        case (
            ops.Conv(activation=str(name))
            | ops.DepthwiseConv(activation=str(name))
            | ops.ConvTranspose(activation=str(name))
            | ops.Dense(activation=str(name))
        ):
            plain = dataclasses.replace(op, activation=None)
            return rewriter.add(ops.ACTIVATIONS[name], rewriter.add(plain, *node.inputs))
        case _:
            return None
