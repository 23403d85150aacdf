"""Transposed convolutions whose sizes no GraphDef op gives."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from kexport import ops
from kexport.ir.dim import Dim, SymDim
from kexport.ir.graph import Node, Value
from kexport.ops.window import transpose_crops
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.rule import Replacement


def _is_plain(op: Any, window: tuple[int, ...]) -> bool:
    """Whether TensorFlow's `SAME` or `VALID` cuts off what this op cuts off."""
    if isinstance(op.padding, tuple):
        return False
    if op.output_padding is None:
        return True
    for k, s, extra in zip(window, op.strides, op.output_padding, strict=True):
        if not (1 <= k % 2 + extra <= s if op.padding == "same" else 0 <= extra < s):
            return False
    return True


@rule(ops.ConvTranspose)
def crop(node: Node, rewriter: Rewriter) -> Replacement:
    """The full result, cut or widened; then the bias and the activation."""
    op: Any = node.op
    x, kernel, *bias = node.inputs
    window: Any = kernel.type.shape[:-2]
    if _is_plain(op, window) or max(op.dilation) > 1:
        return None
    crops = transpose_crops(x.type.shape[1:-1], window, op.strides, op.dilation, op.padding, op.output_padding)
    full = replace(op, padding="valid", output_padding=(0,) * len(window), activation=None)
    return after(rewriter, node, cut(rewriter, rewriter.add(full, x, kernel), crops), bias)


def cut(rewriter: Rewriter, y: Value, crops: Any) -> Value:
    """y without what is cut off its ends; negative numbers add zeros."""
    begin: list[Dim] = [0]
    end: list[Dim] = [y.type.shape[0]]
    grow: list[tuple[Dim, Dim]] = [(0, 0)]
    for (low, high), size in zip(crops, y.type.shape[1:-1], strict=True):
        widened = not isinstance(high, SymDim) and high < 0
        begin.append(low)
        end.append(size if widened else size - high)
        grow.append((0, -high if widened else 0))
    begin.append(0)
    end.append(y.type.shape[-1])
    if tuple(end) != y.type.shape or any(isinstance(b, SymDim) or b for b in begin):
        y = rewriter.add(ops.Slice(tuple(begin), tuple(end), (1,) * y.type.rank), y)
    grow.append((0, 0))
    return rewriter.add(ops.Pad(tuple(grow)), y) if any(pair != (0, 0) for pair in grow) else y


def after(rewriter: Rewriter, node: Node, y: Value, bias: list[Value]) -> Value:
    """Bias and activation of a transposed convolution."""
    op: Any = node.op
    y = rewriter.add(ops.Add(), y, *bias) if bias else y
    return y if op.activation is None else rewriter.add(ops.ACTIVATIONS[op.activation], y)


@rule(ops.ConvTranspose)
def volume_as_conv(node: Node, rewriter: Rewriter) -> Replacement:
    """Over three axes: zeros between the elements, and the convolution with the kernel turned around."""
    op: Any = node.op
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


RULES = (crop,)
