"""Convolutions: only `same` and `valid` padding, constant kernels, few groups, few fused activations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from kexport import ops
from kexport.ir.graph import Node, Value
from kexport.ir.op import Array
from kexport.ops.activation import ACTIVATIONS
from kexport.ops.window import Pairs, explicit_pads
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.rule import Replacement
from kexport_tflite.emit.activation import FUSED

Convolution = ops.Conv | ops.DepthwiseConv


@rule(ops.Conv, ops.DepthwiseConv)
def split_pad(op: ops.Conv | ops.DepthwiseConv, node: Node, rewriter: Rewriter) -> Replacement:
    """Explicit padding is `valid`, `same`, or a PAD, which XNNPACK takes into the convolution again."""
    x = node.inputs[0]
    if isinstance(op.padding, str):
        return None
    if all(p == 0 for pair in op.padding for p in pair):
        return rewriter.add(replace(op, padding="valid"), *node.inputs)
    if op.padding == _pads(replace(op, padding="same"), x, node.inputs[1]):
        return rewriter.add(replace(op, padding="same"), *node.inputs)
    padded = rewriter.add(ops.Pad(((0, 0), *op.padding, (0, 0))), x)
    return rewriter.add(replace(op, padding="valid"), padded, *node.inputs[1:])


def _pads(op: Convolution, x: Value, kernel: Value) -> Pairs:
    return explicit_pads(x.type.shape[1:-1], kernel.type.shape[:-2], op.strides, op.dilation, op.padding)


@rule(ops.Conv, ops.DepthwiseConv, ops.ConvTranspose, ops.Dense)
def split_activation(
    op: ops.Conv | ops.DepthwiseConv | ops.ConvTranspose | ops.Dense, node: Node, rewriter: Rewriter
) -> Replacement:
    """Activations that no operator fuses are ops of their own."""
    if op.activation is None or op.activation in FUSED:
        return None
    result = rewriter.add(replace(op, activation=None), *node.inputs)
    return rewriter.add(ACTIVATIONS[op.activation], result)


@rule(ops.Conv)
def groups_to_depthwise(op: ops.Conv, node: Node, rewriter: Rewriter) -> Replacement:
    """One input channel in each group: a depthwise convolution, whose kernels are faster."""
    (x, kernel, *bias) = node.inputs
    if op.groups == 1 or op.groups != x.type.shape[-1] or kernel.data is None or x.type.rank != 4:
        return None
    *window, _, filters = kernel.data.shape
    depthwise = rewriter.constant(kernel.data.reshape(*window, op.groups, filters // op.groups), kernel.name)
    new = ops.DepthwiseConv(op.strides, op.padding, op.dilation, op.activation)
    return rewriter.add(new, x, depthwise, *bias)


@rule(ops.DepthwiseConv)
def depthwise_to_groups(op: ops.DepthwiseConv, node: Node, rewriter: Rewriter) -> Replacement:
    """Over three axes there is no depthwise operator."""
    (x, kernel, *bias) = node.inputs
    if x.type.rank != 5 or kernel.data is None:
        return None
    *window, channels, multiplier = kernel.data.shape
    grouped = rewriter.constant(kernel.data.reshape(*window, 1, channels * multiplier), kernel.name)
    new = ops.Conv(op.strides, op.padding, op.dilation, channels, op.activation)
    return rewriter.add(new, x, grouped, *bias)


@rule(ops.Conv, ops.ConvTranspose)
def split_groups(op: ops.Conv | ops.ConvTranspose, node: Node, rewriter: Rewriter) -> Replacement:
    """Groups where the operator has none (three axes, transposed): a convolution for each, side by side."""
    (x, kernel, *bias) = node.inputs
    grouped_2d = isinstance(op, ops.Conv) and x.type.rank == 4
    if op.groups == 1 or grouped_2d or kernel.data is None or any(b.data is None for b in bias):
        return None
    axis = -1  # filters of Conv, channels of ConvTranspose
    channels: Any = x.type.shape[-1]
    parts = rewriter.add_all(ops.Split(-1, (channels // op.groups,) * op.groups), x)
    kernels = np.split(kernel.data, op.groups, axis)
    biases: list[list[Array]] = [np.split(b.data, op.groups) for b in bias if b.data is not None]
    results = [
        rewriter.add(replace(op, groups=1), part, *map(rewriter.constant, (kernels[i], *(b[i] for b in biases))))
        for i, part in enumerate(parts)
    ]
    return rewriter.add(ops.Concat(-1), *results)


RULES = (split_groups, groups_to_depthwise, depthwise_to_groups, split_activation, split_pad)
