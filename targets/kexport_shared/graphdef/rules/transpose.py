"""Transposed convolutions whose sizes no GraphDef op gives."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

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
def crop(op: ops.ConvTranspose, node: Node, rewriter: Rewriter) -> Replacement:
    """The full result, cut or widened; then the bias and the activation."""
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


RULES = (crop,)
