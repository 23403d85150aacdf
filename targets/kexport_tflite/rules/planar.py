"""Turns windows over one axis into windows over two, as TF Lite convolves and pools images only."""

from __future__ import annotations

import numpy as np

from kexport import ops
from kexport.ir.dim import SymDim
from kexport.ir.graph import Node, Value
from kexport.ops.pool import Pool
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.rule import Replacement
from kexport_shared.emit.planar import with_row
from kexport_tflite.weights import half_constant


@rule(ops.Conv, ops.DepthwiseConv, ops.ConvTranspose, Pool)
def add_height(
    own: ops.Conv | ops.DepthwiseConv | ops.ConvTranspose | Pool, node: Node, rewriter: Rewriter
) -> Replacement:
    """A sequence is an image of height 1. Where batch and length are both dynamic, the batch is taken for the height.

    A RESHAPE can have one dynamic dim only, but a product with ones adds an axis in front, and a sum drops it.
    """
    x, *rest = node.inputs
    if x.type.rank != 3:
        return None
    op = with_row(own)
    if rest:
        rest[0] = _kernel_with_height(rewriter, rest[0])
    batch, length, channels = x.type.shape
    if isinstance(batch, SymDim) and isinstance(length, SymDim):
        ones = rewriter.constant(np.ones((1, 1, 1, 1), x.type.dtype.numpy))
        image = rewriter.add(op, rewriter.add(ops.Mul(), x, ones), *rest)
        return rewriter.add(ops.ReduceSum((0,)), image)
    image = rewriter.add(op, rewriter.add(ops.Reshape((batch, 1, length, channels)), x), *rest)
    return rewriter.add(ops.Reshape(node.output.type.shape), image)


def _kernel_with_height(rewriter: Rewriter, kernel: Value) -> Value:
    """The kernel with an axis of size 1 in front."""
    half = half_constant(kernel)
    if half is not None and half.data is not None:
        return rewriter.add(ops.Cast(kernel.type.dtype), rewriter.constant(half.data[None], half.name))
    if kernel.data is not None:
        return rewriter.constant(kernel.data[None], kernel.name)
    return rewriter.add(ops.Reshape((1, *kernel.type.shape)), kernel)


@rule(ops.Mul)
def drop_added_axis(op: ops.Mul, node: Node, rewriter: Rewriter) -> Replacement:
    """An axis that a sum has just dropped, added again."""
    x, ones = node.inputs
    above = x.producer
    if above is None or above.op != ops.ReduceSum((0,)) or above.inputs[0].type != node.output.type:
        return None
    if ones.data is None or ones.data.shape != (1,) * node.output.type.rank or ones.data.reshape(-1)[0] != 1:
        return None
    return above.inputs[0]


RULES = (add_height, drop_added_axis)
