"""Transposed convolutions over three axes, which TensorFlow.js lacks."""

from __future__ import annotations

from typing import Any

import numpy as np

from kexport import ops
from kexport.ir.dim import Dim
from kexport.ir.graph import Node, Value
from kexport.ops.window import transpose_crops
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.rule import Replacement
from kexport_shared.graphdef.rules.transpose import after, cut


@rule(ops.ConvTranspose)
def volume_as_conv(op: ops.ConvTranspose, node: Node, rewriter: Rewriter) -> Replacement:
    """Over three axes: zeros between the elements, and the convolution with the kernel turned around."""
    x, kernel, *bias = node.inputs
    if len(op.strides) != 3 or kernel.data is None or max(op.dilation) > 1 or op.groups > 1:
        return None
    window: Any = kernel.type.shape[:-2]
    crops = transpose_crops(x.type.shape[1:-1], window, op.strides, op.dilation, op.padding, op.output_padding)
    for axis, stride in enumerate(op.strides, 1):
        x = _with_gaps(rewriter, x, axis, stride) if stride > 1 else x
    turned = np.ascontiguousarray(kernel.data[::-1, ::-1, ::-1].swapaxes(-1, -2))
    around = tuple((k - 1, k - 1) for k in window)
    padded = rewriter.add(ops.Pad(((0, 0), *around, (0, 0))), x)
    y = rewriter.add(ops.Conv((1, 1, 1), "valid", (1, 1, 1)), padded, rewriter.constant(turned, kernel.name))
    return after(rewriter, node, cut(rewriter, y, crops), bias)


def _with_gaps(rewriter: Rewriter, x: Value, axis: int, stride: int) -> Value:
    """x with stride - 1 zeros between neighbours along an axis."""
    shape = x.type.shape
    before: Dim = 1
    behind: Dim = 1
    for d in shape[:axis]:
        before = before * d
    for d in shape[axis + 1 :]:
        behind = behind * d
    size = shape[axis]
    apart = rewriter.add(ops.Reshape((before, size, 1, behind)), x)
    wide = rewriter.add(ops.Pad(((0, 0), (0, 0), (0, stride - 1), (0, 0))), apart)
    flat = rewriter.add(ops.Reshape((*shape[:axis], size * stride, *shape[axis + 1 :])), wide)
    end = (*shape[:axis], (size - 1) * stride + 1, *shape[axis + 1 :])
    return rewriter.add(ops.Slice((0,) * len(shape), end, (1,) * len(shape)), flat)


RULES = (volume_as_conv,)
