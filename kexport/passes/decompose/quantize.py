"""Expands quantization into arithmetic, for formats without such operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from kexport import ops
from kexport.ir.dim import Dim
from kexport.ir.graph import Node, Value
from kexport.ir.types import DType
from kexport.ops.quantize import bounds
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.term import Term

Grid: TypeAlias = ops.Quantize | ops.Dequantize
Meaning: TypeAlias = Callable[[Term, Term, Term], Term]
"""What becomes of elements, their scales and their zero points."""


@rule(ops.Dequantize)
def dequantize(op: ops.Dequantize, node: Node, rewriter: Rewriter) -> Value:
    """(q - zero_point) * scale. Differences of integers of up to 16 bits are exact in float32."""
    q, scale, zero_point = node.inputs
    dtype = scale.type.dtype
    return _on_grid(rewriter, q, (scale, zero_point), op, dtype, _real)


def _real(x: Term, step: Term, zero: Term) -> Term:
    data = zero.value.data
    return x * step if data is not None and not data.any() else (x - zero) * step


@rule(ops.Quantize)
def quantize(op: ops.Quantize, node: Node, rewriter: Rewriter) -> Value:
    """round(x / scale) + zero_point, cut off at the ends of the integers."""
    x, scale, zero_point = node.inputs
    low, high = bounds(op.dtype)

    def rounded(x: Term, step: Term, zero: Term) -> Term:
        return ((x / step).of(ops.Round()) + zero).of(ops.Clip(low, high))

    found = _on_grid(rewriter, x, (scale, zero_point), op, x.type.dtype, rounded)
    return rewriter.add(ops.Cast(op.dtype), found)


def _on_grid(
    rewriter: Rewriter, x: Value, grid: tuple[Value, Value], op: Grid, dtype: DType, meaning: Meaning
) -> Value:
    """`meaning` of x, its scales and zero points, all in `dtype` and in shapes that broadcast."""
    shape = x.type.shape
    split = x.type.shape
    along = None
    if op.axis is not None:
        axis = op.axis % x.type.rank
        split, along = _split(shape, axis, op.block)
    term = Term(rewriter, _reshaped(rewriter, x, split))
    term = term if x.type.dtype is dtype else term.cast(dtype)
    step, zero = (Term(rewriter, v if along is None else _reshaped(rewriter, v, along)) for v in grid)
    step, zero = (t if t.type.dtype is dtype else _cast(rewriter, t, dtype) for t in (step, zero))
    return _reshaped(rewriter, meaning(term, step, zero).value, shape)


def _cast(rewriter: Rewriter, term: Term, dtype: DType) -> Term:
    """Constants are cast here, so that it shows whether they are 0."""
    data = term.value.data
    return term.cast(dtype) if data is None else Term(rewriter, rewriter.constant(data.astype(dtype.numpy)))


def _split(shape: tuple[Dim, ...], axis: int, block: int | None) -> tuple[tuple[Dim, ...], tuple[Dim, ...]]:
    """The shapes in which elements and scales broadcast; blocks become an axis of their own."""
    size = shape[axis]
    if block is None:
        return shape, tuple(size if i == axis else 1 for i in range(len(shape)))
    assert isinstance(size, int), "blocks have fixed sizes"
    before = shape[:axis]
    after = shape[axis + 1 :]
    return (*before, size // block, block, *after), (*before, size // block, 1, *after)


def _reshaped(rewriter: Rewriter, x: Value, shape: tuple[Dim, ...]) -> Value:
    if x.type.shape == shape:
        return x
    if x.data is not None and x.type.rank <= 1:  # scales, one a channel
        return rewriter.constant(x.data.reshape(shape))  # type: ignore[arg-type]  static
    return rewriter.add(ops.Reshape(shape), x)


RULES = (dequantize, quantize)
