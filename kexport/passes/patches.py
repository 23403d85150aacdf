"""Turns convolutions that only cut an image into patches, as in `keras.ops.image.extract_patches`, into moves."""

from __future__ import annotations

from typing import Any

import numpy as np

from kexport import ops
from kexport.ir.dim import Dim
from kexport.ir.graph import Node, Value
from kexport.ops.window import explicit_pads
from kexport.rewrite import Rewriter, RulePass, Skip, rule
from kexport.rewrite.rule import Replacement


@rule(ops.Conv)
def patches(op: ops.Conv, node: Node, rewriter: Rewriter) -> Replacement:
    """Patches side by side, each element of one by a filter of its own: no products, and no kernel that grows with the
    square of a patch.
    """
    x, kernel, *bias = node.inputs
    if kernel.data is None or bias or op.activation or op.groups != 1 or not _picks_each(kernel.data):
        return None
    window = kernel.data.shape[:-2]
    if len(window) > 2:
        return Skip("patches of a volume would have too many axes on their way")
    if op.strides != window or any(d != 1 for d, w in zip(op.dilation, window, strict=True) if w > 1):
        return Skip("patches overlap, or have gaps")
    pads = explicit_pads(x.type.shape[1:-1], window, op.strides, op.dilation, op.padding)
    if any(p != 0 for pair in pads for p in pair):
        return Skip("patches reach into padding")
    counts = node.output.type.shape[1:-1]
    x = _cropped(rewriter, x, tuple(n * w for n, w in zip(counts, window, strict=True)))
    if len(window) == 2 and window[0] == window[1]:
        return rewriter.add(ops.SpaceToDepth(window[0]), x)
    return _blocks(rewriter, x, counts, window)


def _picks_each(kernel: Any) -> bool:
    """Whether every filter gives one element of the window, in order."""
    count = kernel.shape[-1]
    return kernel.size == count**2 and count > 1 and np.array_equal(kernel.reshape(count, count), np.eye(count))


def _cropped(rewriter: Rewriter, x: Value, sizes: tuple[Dim, ...]) -> Value:
    """Crop rows and columns that do not fill a patch."""
    shape = x.type.shape
    end = (shape[0], *sizes, shape[-1])
    return x if end == shape else rewriter.add(ops.Slice((0,) * len(end), end, (1,) * len(end)), x)


def _blocks(rewriter: Rewriter, x: Value, counts: tuple[Dim, ...], window: tuple[int, ...]) -> Value:
    batch = x.type.shape[0]
    channels = x.type.shape[-1]
    n = len(window)
    pairs = [d for pair in zip(counts, window, strict=True) for d in pair]
    apart = rewriter.add(ops.Reshape((batch, *pairs, channels)), x)
    perm = (0, *range(1, 2 * n, 2), *range(2, 2 * n + 1, 2), 2 * n + 1)
    moved = rewriter.add(ops.Transpose(perm), apart)
    return rewriter.add(ops.Reshape((batch, *counts, channels * int(np.prod(window)))), moved)


PASS = RulePass("patches", (patches,))
