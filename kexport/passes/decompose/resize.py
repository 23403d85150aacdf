"""Expands resizing into products with weights, or gathers; open sizes compute weights and indices at run time."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from kexport import ops
from kexport.ir.dim import Dim, SymDim
from kexport.ir.graph import Node, Value
from kexport.ir.types import DType
from kexport.ops.resample import nearest_indices, resize_weights
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.term import Term


@rule(ops.Resize)
def resize(op: ops.Resize, node: Node, rewriter: Rewriter) -> Value:
    """Rows first, then columns."""
    (x,) = node.inputs
    for axis, out in enumerate(op.size, start=1):
        size = x.type.shape[axis]
        if size == out:
            continue
        if op.method == "nearest":
            x = rewriter.add(ops.Gather(axis), x, _places(rewriter, size, out))
            continue
        weights = _weights(rewriter, size, out, op, x.type.dtype)
        x = _rows(rewriter, weights, x) if axis == 1 else _columns(rewriter, weights, x)
    return x


def _rows(rewriter: Rewriter, weights: Value, x: Value) -> Value:
    batch, height, width, channels = x.type.shape
    out = weights.type.shape[0]
    flat = rewriter.add(ops.Reshape((batch, height, width * channels)), x)
    made = rewriter.add(ops.MatMul(), rewriter.add(ops.Reshape((1, out, height)), weights), flat)
    return rewriter.add(ops.Reshape((batch, out, width, channels)), made)


def _columns(rewriter: Rewriter, weights: Value, x: Value) -> Value:
    wide = rewriter.add(ops.Reshape((1, 1, *weights.type.shape)), weights)
    return rewriter.add(ops.MatMul(), wide, x)


def _places(rewriter: Rewriter, size: Dim, out: Dim) -> Value:
    """floor((i + 0.5) * size/out), in float32 as TensorFlow does it."""
    if not isinstance(size, SymDim) and not isinstance(out, SymDim):
        return rewriter.constant(nearest_indices(size, out).astype(np.int32))
    centres = Term(rewriter, rewriter.add(ops.Iota(out, DType.F32, start=0.5)))
    scale = _number(rewriter, size, DType.F32) / _number(rewriter, out, DType.F32)
    places = (centres * scale).of(ops.Floor()).of(ops.Cast(DType.I32))
    return places.min(_number(rewriter, size - 1, DType.I32)).value


def _weights(rewriter: Rewriter, size: Dim, out: Dim, op: ops.Resize, dtype: DType) -> Value:
    """What `resample.resize_weights` gives. The whole part of a position is computed in integers, so it is exact.

    The bounds are never exceeded; they tell a target that computes in float16 that the results fit.
    """
    if not isinstance(size, SymDim) and not isinstance(out, SymDim):
        return rewriter.constant(resize_weights(size, out, op.method, op.antialias).astype(dtype.numpy))
    wide = DType.F64 if dtype is DType.F64 else DType.F32
    whole, doubled = (_number(rewriter, d, DType.I32) for d in (size, out * 2))
    i = Term(rewriter, rewriter.add(ops.Iota(out, DType.I32)))
    position = (i * 2 + 1) * whole + _number(rewriter, out, DType.I32)  # of twice the size, and one to the right
    before = position.of(ops.FloorDiv(), doubled)
    share = (position - before * doubled).cast(wide) / doubled.cast(wide)
    j = Term(rewriter, rewriter.add(ops.Iota(size, DType.I32, start=1)))
    steps = j.of(ops.Reshape((1, size))) - before.of(ops.Reshape((out, 1)))
    distance = abs(steps.cast(wide) - share.of(ops.Reshape((out, 1))))
    if op.antialias:
        distance = distance * (_number(rewriter, out, wide) / _number(rewriter, size, wide)).min(1)
    kernel = _KERNELS[op.method](distance)
    shares = kernel / kernel.of(ops.ReduceSum((1,), keepdims=True))
    return shares.of(ops.Clip(-2, 2)).cast(dtype).value


def _number(rewriter: Rewriter, size: Dim, dtype: DType) -> Term:
    """A size as a vector of one number."""
    if isinstance(size, SymDim):
        return Term(rewriter, rewriter.add(ops.Dims((size,), DType.I32))).cast(dtype)
    return Term(rewriter, rewriter.constant(np.array([size], dtype.numpy)))


def _triangle(x: Term) -> Term:
    return (1 - x).max(0)


def _keys_cubic(x: Term) -> Term:
    near = (x * 1.5 - 2.5) * x * x + 1
    far = ((x * -0.5 + 2.5) * x - 4) * x + 2
    return (x < 1).select(near, (x < 2).select(far, far.lift(0)))


def _lanczos(radius: int) -> Callable[[Term], Term]:
    def kernel(x: Term) -> Term:
        near = x.min(radius)
        made = _sinc(near) * _sinc(near * (1 / radius))
        return (x < radius).select(made, made.lift(0))

    return kernel


def _sinc(x: Term) -> Term:
    """sin(pi*x) / (pi*x) of what is not negative, 1 at 0."""
    angle = x * math.pi
    there = angle > 0
    return there.select(angle.of(ops.Sin()) / there.select(angle, angle.lift(1)), angle.lift(1))


_KERNELS: dict[str, Callable[[Term], Term]] = {
    "bilinear": _triangle,
    "bicubic": _keys_cubic,
    "lanczos3": _lanczos(3),
    "lanczos5": _lanczos(5),
}

RULES = (resize,)
