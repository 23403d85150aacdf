"""Windows that the wasm backend is wrong in."""

from __future__ import annotations

from dataclasses import replace

from kexport import ops
from kexport.ir.dim import Dim, SymDim
from kexport.ir.graph import Node
from kexport.ops.window import explicit_pads, extent
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.rule import Replacement


@rule(ops.Conv, ops.DepthwiseConv)
def windows_with_gaps(op: ops.Conv | ops.DepthwiseConv, node: Node, rewriter: Rewriter) -> Replacement:
    """Padding in numbers where windows are less than a stride: with `SAME` the wasm backend is wrong there."""
    sizes = node.inputs[0].type.shape[1:-1]
    window = node.inputs[1].type.shape[:-2]
    if op.padding != "same" or all(map(_reaches, window, op.strides, op.dilation)):
        return None
    pads = explicit_pads(sizes, window, op.strides, op.dilation, op.padding)
    if not any(isinstance(d, SymDim) for d in sizes):
        return rewriter.add(replace(op, padding=pads), *node.inputs)
    spans = tuple(map(extent, window, op.dilation))
    wide = ((0, 0), *((low, n - 1) for (low, _), n in zip(pads, spans, strict=True)), (0, 0))
    x = rewriter.add(ops.Pad(wide), node.inputs[0])
    reached = ((out - 1) * s + n for out, s, n in zip(node.output.type.shape[1:-1], op.strides, spans, strict=True))
    end = (x.type.shape[0], *reached, x.type.shape[-1])
    x = rewriter.add(ops.Slice((0,) * len(end), end, (1,) * len(end)), x)
    return rewriter.add(replace(op, padding="valid"), x, *node.inputs[1:])


def _reaches(window: Dim, stride: int, dilation: int) -> bool:
    return isinstance(window, int) and extent(window, dilation) >= stride


@rule(ops.MaxPool)
def pool_of_volume(op: ops.MaxPool, node: Node, rewriter: Rewriter) -> Replacement:
    """Rows and columns first, then depth: the wasm backend's pool over three axes is wrong."""
    (x,) = node.inputs
    if len(op.window) != 3 or not isinstance(op.padding, str):
        return None
    batch, depth, height, width, channels = x.type.shape
    flat = rewriter.add(ops.Reshape((batch * depth, height, width, channels)), x)
    flat = rewriter.add(ops.MaxPool(op.window[1:], op.strides[1:], op.padding), flat)
    _, rows, columns, _ = flat.type.shape
    tall = rewriter.add(ops.Reshape((batch, depth, rows * columns, channels)), flat)
    tall = rewriter.add(ops.MaxPool((op.window[0], 1), (op.strides[0], 1), op.padding), tall)
    return rewriter.add(ops.Reshape(node.output.type.shape), tall)


RULES = (
    windows_with_gaps,
    pool_of_volume,
)
