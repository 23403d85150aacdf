"""Pools: over two axes, `same` or `valid`."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from kexport import ops
from kexport.ir.dim import Dim
from kexport.ir.graph import Node, Value
from kexport.ir.types import DType
from kexport.ops.pool import Pool
from kexport.ops.window import Pairs, explicit_pads
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.bounds import nonnegative
from kexport.rewrite.rule import Replacement


@rule(Pool)
def pick_pixels(op: Pool, node: Node, rewriter: Rewriter) -> Replacement:
    """Windows of one pixel: a depthwise convolution with ones, since XNNPACK refuses such pools."""
    (x,) = node.inputs
    channels = node.output.type.shape[-1]
    if op.window != (1, 1) or not isinstance(op.padding, str) or x.type.dtype is not DType.F32:
        return None
    if not isinstance(channels, int):
        return None
    ones = rewriter.constant(np.ones((1, 1, channels, 1), np.float32))
    return rewriter.add(ops.DepthwiseConv(op.strides, "valid", (1, 1)), x, ones)


@rule(ops.MaxPool)
def pad_max(op: ops.MaxPool, node: Node, rewriter: Rewriter) -> Replacement:
    """Explicit padding with what never wins: zeros beside numbers that are not negative, else the least number."""
    (x,) = node.inputs
    if isinstance(op.padding, str) or x.type.rank != 4:
        return None
    inside = all(isinstance(p, int) and p < w for pair, w in zip(op.padding, op.window, strict=True) for p in pair)
    value = 0.0 if inside and nonnegative(x) else -math.inf
    return rewriter.add(replace(op, padding="valid"), _pad(rewriter, x, op.padding, value))


@rule(ops.AvgPool)
def pad_mean(op: ops.AvgPool, node: Node, rewriter: Rewriter) -> Replacement:
    """The mean with zeros counted, divided by the share of the window that is not padding."""
    (x,) = node.inputs
    if isinstance(op.padding, str) or x.type.rank != 4:
        return None
    plain = replace(op, padding="valid")
    ones = rewriter.add(ops.Full((1, *x.type.shape[1:-1], 1), 1.0, x.type.dtype))
    total, share = (rewriter.add(plain, _pad(rewriter, v, op.padding, 0.0)) for v in (x, ones))
    return rewriter.add(ops.Div(), total, share)


def _pad(rewriter: Rewriter, x: Value, padding: Pairs, value: float) -> Value:
    return rewriter.add(ops.Pad(((0, 0), *padding, (0, 0)), value=value), x)


@rule(Pool)
def pool_twice(op: Pool, node: Node, rewriter: Rewriter) -> Replacement:
    """Over three axes: rows and columns with depth as part of the batch, then depth with the others as one axis."""
    (x,) = node.inputs
    if x.type.rank != 5:
        return None
    batch, depth, height, width, channels = x.type.shape
    of_depth, of_image = _parts(op.padding)
    planes = rewriter.add(ops.Reshape((batch * depth, height, width, channels)), x)
    image = rewriter.add(type(op)(op.window[1:], op.strides[1:], of_image), planes)
    pixels: Dim = image.type.shape[1] * image.type.shape[2]
    columns = rewriter.add(ops.Reshape((batch, depth, pixels, channels)), image)
    result = rewriter.add(type(op)((op.window[0], 1), (op.strides[0], 1), of_depth), columns)
    return rewriter.add(ops.Reshape(node.output.type.shape), result)


def _parts(padding: Any) -> tuple[Any, Any]:
    if isinstance(padding, str):
        return padding, padding
    return (padding[0], (0, 0)), padding[1:]


@rule(ops.MaxPool)
def pool_integers(op: ops.MaxPool, node: Node, rewriter: Rewriter) -> Replacement:
    """The maximum of slices, one for each place in the window: MAX_POOL_2D knows no integers of 32 bits."""
    (x,) = node.inputs
    dtype = x.type.dtype
    if dtype not in (DType.I32, DType.I64):
        return None
    pads = explicit_pads(x.type.shape[1:-1], op.window, op.strides, (1,) * len(op.window), op.padding)
    least = float(np.iinfo(dtype.numpy).min)
    padded = _pad(rewriter, x, pads, least) if any(p != 0 for pair in pads for p in pair) else x
    sizes = node.output.type.shape
    strides = (1, *op.strides, 1)
    found: Value | None = None
    for place in np.ndindex(*op.window):
        begin: tuple[Dim, ...] = (0, *place, 0)
        end = tuple(b + (d - 1) * s + 1 for b, d, s in zip(begin, sizes, strides, strict=True))
        part = rewriter.add(ops.Slice(begin, end, strides), padded)
        found = part if found is None else rewriter.add(ops.Maximum(), found, part)
    return found


RULES = (pool_integers, pick_pixels, pool_twice, pad_max, pad_mean)
