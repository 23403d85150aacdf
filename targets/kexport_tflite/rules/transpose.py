"""Transposed convolutions over two axes: one convolution makes all the pixels that share an input position.

Output position s*i + p takes the kernel's taps p, p + s, p + 2*s, … So a plain convolution with s*s times the filters
and 1/s of the kernel's size, followed by DEPTH_TO_SPACE, computes the same. XNNPACK runs it up to three times as fast
as TRANSPOSE_CONV, and it follows a dynamic batch and image size, where TRANSPOSE_CONV needs a fixed output size.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from kexport import ops
from kexport.ir.dim import Dim, SymDim
from kexport.ir.graph import Node, Value
from kexport.ir.op import Array
from kexport.ops.window import transpose_crops
from kexport.rewrite import Rewriter, Skip, rule
from kexport.rewrite.rule import Replacement


class _Axis(NamedTuple):
    """How one axis is computed: padding of the input, and where the result begins in the pixels made."""

    low: int
    high: Dim
    begin: int
    blocks: Dim


@rule(ops.ConvTranspose)
def to_sub_pixels(op: ops.ConvTranspose, node: Node, rewriter: Rewriter) -> Replacement:
    """A convolution and DEPTH_TO_SPACE."""
    (x, kernel, *bias) = node.inputs
    if x.type.rank != 4 or op.groups != 1 or kernel.data is None or any(b.data is None for b in bias):
        return None
    window: Any = kernel.type.shape[:2]
    crops = transpose_crops(x.type.shape[1:3], window, op.strides, op.dilation, op.padding, op.output_padding)
    axes: list[_Axis] = []
    for i in range(2):
        taps = -(-span(window[i], op.dilation[i]) // op.strides[i])
        low = crops[i][0]
        if not isinstance(low, int):
            return Skip(f"the crop {low} depends on the input size")
        axes.append(_plan(x.type.shape[1 + i], node.output.type.shape[1 + i], low, op.strides[i], taps))
    pads: Any = ((0, 0), *((a.low, a.high) for a in axes), (0, 0))
    padded = rewriter.add(ops.Pad(pads), x) if any(p != 0 for pair in pads for p in pair) else x
    filters = rewriter.constant(sub_pixel_kernel(kernel.data, op.strides, op.dilation), kernel.name)
    phases = op.strides[0] * op.strides[1]
    biases = [rewriter.constant(np.tile(b.data, phases), b.name) for b in bias if b.data is not None]
    made = rewriter.add(ops.Conv((1, 1), "valid", (1, 1), 1, op.activation), padded, filters, *biases)
    image = _shuffle(rewriter, made, op.strides)
    return _crop(rewriter, image, node.output, axes)


def span(window: int, dilation: int) -> int:
    """How many elements a dilated kernel reaches over."""
    return (window - 1) * dilation + 1


def _plan(size: Dim, out: Dim, low: int, stride: int, taps: int) -> _Axis:
    """Blocks of `stride` pixels from the one that holds position `low` of the full result to the last one needed."""
    first = min(low // stride, taps - 1)
    blocks = (low + out - 1) // stride - first + 1
    pad_low = taps - 1 - first
    pad_high = blocks + (taps - 1) - size - pad_low
    if isinstance(pad_high, int) and pad_high < 0:
        blocks = blocks - pad_high
        pad_high = 0
    return _Axis(pad_low, pad_high, low - first * stride, blocks)


def sub_pixel_kernel(kernel: Array, strides: tuple[int, ...], dilation: tuple[int, ...]) -> Array:
    """The kernel [T, T, C, s*s*O] of the convolution, for a transposed kernel [K, K, O, C]."""
    spans = [span(k, d) for k, d in zip(kernel.shape[:2], dilation, strict=True)]
    taps = [-(-span // s) for span, s in zip(spans, strides, strict=True)]
    th, tw = taps
    sh, sw = strides
    outputs, channels = kernel.shape[2:]
    spread = np.zeros((th * sh, tw * sw, outputs, channels), kernel.dtype)
    spread[: spans[0] : dilation[0], : spans[1] : dilation[1]] = kernel
    phases = spread.reshape(th, sh, tw, sw, outputs, channels)[::-1, :, ::-1]
    return phases.transpose(0, 2, 5, 1, 3, 4).reshape(th, tw, channels, sh * sw * outputs)


def _shuffle(rewriter: Rewriter, x: Value, strides: tuple[int, ...]) -> Value:
    """Channels (row, column, filter) to pixels."""
    sh, sw = strides
    batch, height, width, channels = x.type.shape
    if sh == sw:
        return rewriter.add(ops.DepthToSpace(sh), x) if sh > 1 else x
    filters = channels // (sh * sw)
    if sh > 1:
        x = rewriter.add(ops.Reshape((batch, height, width, sh, sw, filters)), x)
        x = rewriter.add(ops.Transpose((0, 1, 3, 2, 4, 5)), x)
    return rewriter.add(ops.Reshape((batch, height * sh, width * sw, filters)), x)


def _crop(rewriter: Rewriter, image: Value, wanted: Value, axes: list[_Axis]) -> Value:
    """The pixels from `begin` on, as many as wanted."""
    if image.type == wanted.type:
        return image
    begin: tuple[Dim, ...] = (0, *(a.begin for a in axes), 0)
    end = tuple(b + d for b, d in zip(begin, wanted.type.shape, strict=True))
    return rewriter.add(ops.Slice(begin, end, (1,) * 4), image)


@rule(ops.ConvTranspose)
def spread_kernel(op: ops.ConvTranspose, node: Node, rewriter: Rewriter) -> Replacement:
    """A dilated kernel over three axes with the zeros in it."""
    (x, kernel, *bias) = node.inputs
    if x.type.rank != 5 or kernel.data is None or set(op.dilation) == {1}:
        return None
    spans = [span(k, d) for k, d in zip(kernel.data.shape[:3], op.dilation, strict=True)]
    spread = np.zeros((*spans, *kernel.data.shape[3:]), kernel.data.dtype)
    spread[tuple(slice(None, None, d) for d in op.dilation)] = kernel.data
    new = ops.ConvTranspose(op.strides, op.padding, op.output_padding, (1, 1, 1), op.groups, op.activation)
    return rewriter.add(new, x, rewriter.constant(spread, kernel.name), *bias)


@rule(ops.ConvTranspose)
def crop_full(op: ops.ConvTranspose, node: Node, rewriter: Rewriter) -> Replacement:
    """Over three axes: the full result, cut to size; zeros are added before the bias and the activation."""
    (x, kernel, *bias) = node.inputs
    if x.type.rank != 5 or op.groups != 1 or set(op.dilation) != {1} or _is_native(op, kernel):
        return None
    window: Any = kernel.type.shape[:3]
    sizes = x.type.shape[1:4]
    crops = transpose_crops(sizes, window, op.strides, op.dilation, op.padding, op.output_padding)
    full = ops.ConvTranspose(op.strides, "valid", (0, 0, 0), op.dilation)
    y = rewriter.add(full, x, kernel)
    extra = tuple(_negative(high) for _, high in crops)
    if any(extra):
        y = rewriter.add(ops.Pad(((0, 0), *((0, e) for e in extra), (0, 0))), y)
    begin: tuple[Dim, ...] = (0, *(low for low, _ in crops), 0)
    end = tuple(b + d for b, d in zip(begin, node.output.type.shape, strict=True))
    y = rewriter.add(ops.Slice(begin, end, (1,) * 5), y)
    y = rewriter.add(ops.Add(), y, *bias) if bias else y
    return y if op.activation is None else rewriter.add(ops.ACTIVATIONS[op.activation], y)


def _is_native(op: ops.ConvTranspose, kernel: Value) -> bool:
    """Whether CONV_3D_TRANSPOSE has this size: `valid` without extra, `same` of stride times the input."""
    if op.padding == "same":
        return op.output_padding is None
    window: Any = kernel.type.shape[:3]
    fits = op.output_padding == (0, 0, 0) or all(k >= s for k, s in zip(window, op.strides, strict=True))
    return op.padding == "valid" and fits and not any(op.output_padding or ())


def _negative(high: Dim) -> int:
    return max(0, -high) if not isinstance(high, SymDim) else 0


RULES = (to_sub_pixels, crop_full)
