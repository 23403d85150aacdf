"""Matrix products with constants are FULLY_CONNECTED, whose weights XNNPACK packs once."""

from __future__ import annotations

from typing import Any

import numpy as np

from kexport import ops
from kexport.ir.graph import Node, Value
from kexport.ir.types import DType
from kexport.passes.decompose import DECOMPOSE
from kexport.passes.decompose.product import swap_last_axes
from kexport.passes.fuse_bias import dense
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.match import made_by
from kexport.rewrite.rule import Replacement
from kexport.rewrite.term import Term
from kexport_tflite.rules.types import cast_value
from kexport_tflite.weights import half_constant, weights_of

_INTEGERS = (DType.I32, DType.I64)
_EXACT = 2.0**24
"""float32 holds all whole numbers up to this."""
_MIN_PART = 256
"""Sums are split into parts that are no shorter."""


@rule(ops.MatMul)
def half_constant_to_dense(op: ops.MatMul, node: Node, rewriter: Rewriter) -> Replacement:
    """A constant matrix on the right that is stored in float16."""
    x, w = node.inputs
    half = half_constant(w)
    if half is None or half.data is None or op.transpose_a or w.type.rank > 2:
        return None
    matrix = rewriter.constant(half.data.T if op.transpose_b else half.data, half.name)
    return rewriter.add(ops.Dense(), x, rewriter.add(ops.Cast(DType.F32), matrix))


@rule(ops.Dense)
def computed_weights(op: ops.Dense, node: Node, rewriter: Rewriter) -> Replacement:
    """Weights that are computed: a product of two tensors."""
    return None if weights_of(node.inputs[1]) is not None else DECOMPOSE[ops.Dense].apply(node, rewriter)


@rule(ops.Dense)
def dense_of_vector(op: ops.Dense, node: Node, rewriter: Rewriter) -> Replacement:
    """A vector is a matrix of one row."""
    x, *rest = node.inputs
    if x.type.rank != 1:
        return None
    row: Value = rewriter.add(ops.Reshape((1, *x.type.shape)), x)
    return rewriter.add(ops.Reshape(node.output.type.shape), rewriter.add(op, row, *rest))


@rule(ops.MatMul)
def integer_products(op: ops.MatMul, node: Node, rewriter: Rewriter) -> Replacement:
    """In float32 where every sum is exact there; else products of integers over an axis of their own, summed up."""
    a, b = node.inputs
    dtype = node.output.type.dtype
    if dtype not in _INTEGERS:
        return None
    inner = a.type.shape[-2 if op.transpose_a else -1]
    most = _EXACT // max(1.0, _largest(a) * _largest(b))
    if isinstance(inner, int) and inner <= most:
        floats = rewriter.add(op, *(_as_float(rewriter, v) for v in (a, b)))
        return rewriter.add(ops.Cast(dtype), floats)
    if isinstance(inner, int) and most >= _MIN_PART and not (op.transpose_a or op.transpose_b):
        return _by_parts(rewriter, a, b, int(most))
    left, right = (swap_last_axes(rewriter, v) if swap else v for v, swap in ((a, op.transpose_a), (b, op.transpose_b)))
    columns = Term(rewriter, left).of(ops.Reshape((*left.type.shape, 1)))
    rows = Term(rewriter, right).of(ops.Reshape((*right.type.shape[:-2], 1, *right.type.shape[-2:])))
    return (columns * rows).of(ops.ReduceSum((-2,))).value


def _by_parts(rewriter: Rewriter, a: Value, b: Value, most: int) -> Value:
    """The sum of products of parts that are short enough to be exact."""
    inner: Any = a.type.shape[-1]
    a, b = (_narrowest(v) for v in (a, b))
    products = [
        rewriter.add(
            ops.Cast(DType.I32),
            _product(rewriter, _part(rewriter, a, -1, start, most, inner), _part(rewriter, b, -2, start, most, inner)),
        )
        for start in range(0, inner, most)
    ]
    total = products[0]
    for part in products[1:]:
        total = rewriter.add(ops.Add(), total, part)
    return total


def _product(rewriter: Rewriter, a: Value, b: Value) -> Value:
    return rewriter.add(ops.MatMul(), *(cast_value(rewriter, v, DType.F32) for v in (a, b)))


def _part(rewriter: Rewriter, value: Value, axis: int, start: int, length: int, whole: int) -> Value:
    """Some places along an axis."""
    axis %= value.type.rank
    stop = min(start + length, whole)
    if value.data is not None:
        return rewriter.constant(value.data[(*[slice(None)] * axis, slice(start, stop))], value.name)
    begin = tuple(start if i == axis else 0 for i in range(value.type.rank))
    end = tuple(stop if i == axis else d for i, d in enumerate(value.type.shape))
    return rewriter.add(ops.Slice(begin, end, (1,) * value.type.rank), value)


def _narrowest(value: Value) -> Value:
    """The integers that were cast to these."""
    cast = made_by(value, ops.Cast)
    return cast.inputs[0] if cast and cast.inputs[0].type.dtype.is_int else value


def _as_float(rewriter: Rewriter, value: Value) -> Value:
    return cast_value(rewriter, _narrowest(value), DType.F32)


def _largest(value: Value) -> float:
    """A bound of the magnitude of integers: that of a constant, or of the type they were cast from."""
    value = _narrowest(value)
    if value.data is not None:
        return float(np.abs(value.data.astype(np.float64)).max(initial=0))
    source = value.type.dtype
    return float(-np.iinfo(source.numpy).min or np.iinfo(source.numpy).max) if source.is_int else np.inf


@rule(ops.Dense)
def integer_dense(op: ops.Dense, node: Node, rewriter: Rewriter) -> Replacement:
    """A product of integers is none for FULLY_CONNECTED."""
    return DECOMPOSE[ops.Dense].apply(node, rewriter) if node.output.type.dtype in _INTEGERS else None


RULES = (integer_products, integer_dense, dense, half_constant_to_dense, computed_weights, dense_of_vector)
