"""Folds scales and shifts of channels into the weights of the neighbouring convolution or dense layer.

y * s + t of y = conv(x, w) + b is conv(x, w*s) + (b*s + t). Before a convolution, conv(x*s + t, w) + b is
conv(x, w*s) + (b + sum of w*t), if no padding stands between: the convolution pads with 0, not with t.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from kexport import ops
from kexport.ir.graph import Node
from kexport.ir.op import Array, Op
from kexport.passes.decompose.norm import FAR_MEAN
from kexport.rewrite import Rewriter, RulePass, Skip, rule
from kexport.rewrite.linear import (
    LINEAR,
    absorb,
    bias_of,
    constant_weights,
    has_padding,
    in_factors,
    response,
    scaled,
    with_weights,
)
from kexport.rewrite.rule import Replacement


class Affine(NamedTuple):
    """x * scale + shift in float64, in shapes that broadcast to x; `far` if x may be far from 0 for its spread."""

    scale: Array
    shift: Array | None = None
    far: bool = False


def affine_of(node: Node | None) -> Affine | None:
    """Return the scale and shift that a node with constant parameters applies to its first operand."""
    if node is None or not isinstance(node.op, (ops.BatchNorm, ops.Mul, ops.Div)):
        return None
    x = node.inputs[0]
    data = [np.asarray(v.data, np.float64) for v in node.inputs[1:] if v.data is not None]
    if len(data) < len(node.inputs) - 1 or not x.type.dtype.is_float or x.type != node.output.type:
        return None
    with np.errstate(all="ignore"):
        match node.op:
            case ops.BatchNorm(epsilon=epsilon):
                gamma, beta, mean, variance = data
                deviation = np.sqrt(variance + epsilon)
                far = bool((np.abs(mean) > FAR_MEAN * deviation).any())
                return Affine(gamma / deviation, beta - mean * gamma / deviation, far)
            case ops.Mul():
                return Affine(data[0])
            case _:
                return Affine(1 / data[0])


@rule(ops.BatchNorm, ops.Mul, ops.Div)
def into_weights_above(op: ops.BatchNorm | ops.Mul | ops.Div, node: Node, rewriter: Rewriter) -> Replacement:
    """Fold a scale and shift after a linear op into it."""
    affine = affine_of(node)
    return None if affine is None else absorb(node, rewriter, affine.scale, affine.shift)


@rule(*LINEAR)
def into_weights_below(op: Op, node: Node, rewriter: Rewriter) -> Replacement:
    """Fold a scale and shift before a linear op into it."""
    above = node.inputs[0].producer
    affine = affine_of(above)
    if affine is None or above is None or not constant_weights(node):
        return None
    channels: Any = node.inputs[0].type.shape[-1] if node.inputs[0].type.rank > 1 else None
    if any(d != 1 for d in affine.scale.shape[:-1]) or not isinstance(channels, int):
        return None
    scale = np.broadcast_to(affine.scale.reshape(-1), (channels,))
    if not rewriter.only_use(node.inputs[0]):
        return Skip(f"the {above.op.name} before it is used elsewhere too")
    if affine.shift is None:
        bias = bias_of(node) if len(node.inputs) > 2 else None
    elif has_padding(node):
        return Skip(f"the padding would not see the shift of the {above.op.name}")
    elif affine.far:
        return Skip("the mean is so far from zero that its digits would cancel")
    else:
        bias = bias_of(node) + response(node, in_factors(node, affine.shift))
    return with_weights(node, rewriter, above.inputs[0], scaled(node, in_factors(node, scale)), bias)


PASS = RulePass("fold_batch_norm", (into_weights_above, into_weights_below))
