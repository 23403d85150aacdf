"""Convolutions and dense layers with constant weights, and how their weights take in scales of channels."""

from __future__ import annotations

from typing import Any

import numpy as np

from kexport import ops
from kexport.ir.graph import Node, Value
from kexport.ir.op import Array
from kexport.ops.window import explicit_pads
from kexport.rewrite.match import made_by
from kexport.rewrite.rule import Rewriter, Skip

LINEAR = (ops.Conv, ops.DepthwiseConv, ops.ConvTranspose, ops.Dense)


def linear_above(value: Value, rewriter: Rewriter) -> Node | Skip | None:
    """The linear op that makes `value` and can take in what is done to it, or why it cannot."""
    node = made_by(value, *LINEAR)
    if node is None:
        return None
    if node.op.attributes()["activation"] is not None:
        return Skip("an activation stands between")
    if not rewriter.only_use(value):
        return Skip(f"the {node.op.name} is used elsewhere too")
    return node if constant_weights(node) else Skip("the weights are not constant")


def constant_weights(node: Node) -> bool:
    """Whether kernel and bias of a linear op are constants of a float type."""
    return all(v.is_constant and v.type.dtype.is_float for v in node.inputs[1:])


def kernel_of(node: Node) -> Array:
    """The kernel in float64."""
    return np.asarray(node.inputs[1].data, np.float64)


def bias_of(node: Node) -> Array:
    """The bias in float64; zeros where there is none."""
    if len(node.inputs) > 2:
        return np.asarray(node.inputs[2].data, np.float64)
    return np.zeros(int(node.output.type.shape[-1]))  # type: ignore[arg-type]


def out_factors(node: Node, vector: Array) -> Array:
    """A number for each output channel, so shaped that it multiplies the kernel."""
    shape = kernel_of(node).shape
    op: Any = node.op
    if isinstance(op, ops.DepthwiseConv):
        return vector.reshape(shape[-2:])
    if isinstance(op, ops.ConvTranspose):
        return np.repeat(vector.reshape(op.groups, shape[-2]), shape[-1] // op.groups, axis=0).T
    return vector


def in_factors(node: Node, vector: Array) -> Array:
    """A number for each input channel, so shaped that it multiplies the kernel."""
    shape = kernel_of(node).shape
    op: Any = node.op
    if isinstance(op, ops.ConvTranspose):
        return vector
    if isinstance(op, ops.Conv):
        return np.repeat(vector.reshape(op.groups, shape[-2]), shape[-1] // op.groups, axis=0).T
    return vector[:, None]


def has_padding(node: Node) -> bool:
    """Whether border elements of the result see zeros instead of input elements."""
    op: Any = node.op
    if isinstance(op, ops.Dense):
        return False
    if isinstance(op, ops.ConvTranspose):
        return True
    x, kernel = node.inputs[0].type, node.inputs[1].type
    pads = explicit_pads(x.shape[1:-1], kernel.shape[:-2], op.strides, op.dilation, op.padding)
    return any(p != 0 for pair in pads for p in pair)


def with_weights(node: Node, rewriter: Rewriter, x: Value, kernel: Array, bias: Array | None) -> Value | Skip:
    """The linear op on `x` with other weights, rounded to its element type; no bias if that is None."""
    dtype = node.inputs[1].type.dtype.numpy
    with np.errstate(all="ignore"):
        weights = [a.astype(dtype) for a in (kernel, bias) if a is not None]
    if not all(np.isfinite(w).all() for w in weights):
        return Skip("the weights would overflow")
    names = [v.name for v in node.inputs[1:]] + ["", ""]
    constants = [rewriter.constant(w, name) for w, name in zip(weights, names, strict=False)]
    return rewriter.add(node.op, x, *constants, origin=node.origin)
