"""Resizing by methods that TF Lite lacks: matrix products with the weights of each axis."""

from __future__ import annotations

import numpy as np

from kexport import ops
from kexport.ir.dim import SymDim, UndecidableDim
from kexport.ir.graph import Node, Value
from kexport.ir.types import DType
from kexport.ops.resample import nearest_indices
from kexport.passes.decompose import DECOMPOSE
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.rule import Replacement


@rule(ops.Resize)
def resize_by_matrices(op: ops.Resize, node: Node, rewriter: Rewriter) -> Replacement:
    """Bicubic, and anything antialiased that shrinks: rows first, then columns."""
    (x,) = node.inputs
    if op.method == "nearest" or (op.method == "bilinear" and not shrinks(op, x)):
        return None
    return DECOMPOSE[ops.Resize].apply(node, rewriter)


def shrinks(op: ops.Resize, x: Value) -> bool:
    """Whether an axis becomes shorter, or may, so that antialiasing matters."""
    try:
        return op.antialias and any(b < a for a, b in zip(x.type.shape[1:3], op.size, strict=True))
    except UndecidableDim:
        return True


@rule(ops.Resize)
def repeat_pixels(op: ops.Resize, node: Node, rewriter: Rewriter) -> Replacement:
    """Whole times as many pixels inside a net: rows and columns times ones, which XNNPACK takes.

    It refuses the resize operator, which is faster alone, where nothing after it is in XNNPACK's hands.
    """
    (x,) = node.inputs
    batch, height, width, channels = x.type.shape
    sizes = (height, width, channels, *op.size)
    if op.method != "nearest" or x.type.dtype is not DType.F32 or any(isinstance(d, SymDim) for d in sizes):
        return None
    if op.size[0] % height or op.size[1] % width or rewriter.graph.is_output(node.output):
        return None
    times = (1, 1, op.size[0] // height, 1, op.size[1] // width, 1)
    apart = rewriter.add(ops.Reshape((batch, height, 1, width, 1, channels)), x)
    repeated = rewriter.add(ops.Mul(), apart, rewriter.constant(np.ones(times, np.float32)))  # type: ignore[arg-type]
    return rewriter.add(ops.Reshape(node.output.type.shape), repeated)


@rule(ops.Resize)
def gather_nearest(op: ops.Resize, node: Node, rewriter: Rewriter) -> Replacement:
    """Where float32 rounds another way than the exact positions, rows and columns are gathered."""
    (x,) = node.inputs
    sizes = (*x.type.shape[1:3], *op.size)
    if op.method != "nearest" or any(isinstance(d, SymDim) for d in sizes):
        return None
    exact = [nearest_indices(sizes[i], sizes[i + 2]) for i in range(2)]  # type: ignore[arg-type]  ints
    if all(np.array_equal(exact[i], _kernel_indices(sizes[i], sizes[i + 2])) for i in range(2)):  # type: ignore[arg-type]
        return None
    for axis, at in enumerate(exact, start=1):
        x = rewriter.add(ops.Gather(axis), x, rewriter.constant(at.astype(np.int32)))
    return x


def _kernel_indices(size: int, out: int) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    """What RESIZE_NEAREST_NEIGHBOR takes (tflite/kernels/internal/reference/resize_nearest_neighbor.h)."""
    scale = np.float32(size) / np.float32(out)
    at = np.floor((np.arange(out, dtype=np.float32) + np.float32(0.5)) * scale).astype(np.int32)
    return np.minimum(at, size - 1)


RULES = (resize_by_matrices, repeat_pixels, gather_nearest)
