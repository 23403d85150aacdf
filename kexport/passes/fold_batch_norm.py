"""Puts scales and shifts of channels into the weights of the convolution or dense layer beside them.

y * s + t of y = conv(x, w) + b is conv(x, w*s) + (b*s + t). Before a convolution, conv(x*s + t, w) + b is
conv(x, w*s) + (b + sum of w*t), if no padding stands between: the convolution pads with 0, not with t.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from kexport import ops
from kexport.ir.graph import Node
from kexport.ir.op import Array
from kexport.passes.decompose.norm import FAR_MEAN
from kexport.rewrite import Rewriter, RulePass, Skip, rule
from kexport.rewrite.linear import (
    LINEAR,
    bias_of,
    constant_weights,
    has_padding,
    in_factors,
    kernel_of,
    linear_above,
    out_factors,
    with_weights,
)
from kexport.rewrite.match import vector
from kexport.rewrite.rule import Replacement


class Affine(NamedTuple):
    """x * scale + shift for each channel, in float64; `far` if x may be far from 0 for its spread."""

    scale: Array
    shift: Array
    far: bool = False


def affine_of(node: Node | None) -> Affine | None:
    """What a node with constant parameters does to each channel of its first operand."""
    if node is None or not isinstance(node.op, (ops.BatchNorm, ops.Mul, ops.Div)):
        return None
    x = node.inputs[0].type
    channels = x.shape[-1] if x.rank else 0
    if x.rank < 2 or not isinstance(channels, int) or not x.dtype.is_float or x != node.output.type:
        return None
    constants = [c for v in node.inputs[1:] if (c := vector(v, x.rank, channels)) is not None]
    if len(constants) < len(node.inputs) - 1:
        return None
    with np.errstate(all="ignore"):
        match node.op:
            case ops.BatchNorm(epsilon=epsilon):
                gamma, beta, mean, variance = constants
                deviation = np.sqrt(variance + epsilon)
                far = bool((np.abs(mean) > FAR_MEAN * deviation).any())
                return Affine(gamma / deviation, beta - mean * gamma / deviation, far)
            case ops.Mul():
                return Affine(constants[0], np.zeros(channels))
            case _:
                return Affine(1 / constants[0], np.zeros(channels))


@rule(ops.BatchNorm, ops.Mul, ops.Div)
def into_weights_above(node: Node, rewriter: Rewriter) -> Replacement:
    """Scale and shift after a linear op."""
    affine = affine_of(node)
    above = linear_above(node.inputs[0], rewriter) if affine else None
    if affine is None or not isinstance(above, Node):
        return above if isinstance(above, Skip) else None
    kernel = kernel_of(above) * out_factors(above, affine.scale)
    plain = len(above.inputs) == 2 and not affine.shift.any()
    bias = None if plain else bias_of(above) * affine.scale + affine.shift
    return with_weights(above, rewriter, above.inputs[0], kernel, bias)


@rule(*LINEAR)
def into_weights_below(node: Node, rewriter: Rewriter) -> Replacement:
    """Scale and shift before a linear op."""
    above = node.inputs[0].producer
    affine = affine_of(above)
    if affine is None or above is None or not constant_weights(node):
        return None
    if not rewriter.only_use(node.inputs[0]):
        return Skip(f"the {above.op.name} before it is used elsewhere too")
    kernel = kernel_of(node)
    if not affine.shift.any():
        bias = bias_of(node) if len(node.inputs) > 2 else None
    elif has_padding(node):
        return Skip(f"the padding would not see the shift of the {above.op.name}")
    elif affine.far:
        return Skip("the mean is so far from zero that its digits would cancel")
    else:
        bias = bias_of(node) + _response(node, kernel * in_factors(node, affine.shift))
    return with_weights(node, rewriter, above.inputs[0], kernel * in_factors(node, affine.scale), bias)


def _response(node: Node, kernel: Array) -> Array:
    """What the linear op answers to ones everywhere, for each output channel."""
    op: Any = node.op
    window = tuple(range(kernel.ndim - 2))
    if isinstance(op, ops.DepthwiseConv):
        return kernel.sum(axis=window).reshape(-1)
    return kernel.sum(axis=(*window, kernel.ndim - 2))


PASS = RulePass("fold_batch_norm", (into_weights_above, into_weights_below))
