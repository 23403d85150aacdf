"""Recognizes layer and RMS normalizations that a model spells out as means, squares and roots."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from kexport import ops
from kexport.ir.graph import Node, Value
from kexport.ir.op import Array
from kexport.rewrite import Rewriter, RulePass, Skip, rule
from kexport.rewrite.factors import Factors, factors, plus
from kexport.rewrite.match import axes_of, is_single, made_by
from kexport.rewrite.rule import Replacement

Axes = tuple[int, ...]


class Inverse(NamedTuple):
    """rsqrt(mean of square + epsilon) over the last axes: of x - mean, or of x itself where `mean` is None."""

    x: Value
    mean: Value | None
    axes: Axes
    epsilon: float


def inverse_deviation(value: Value, root: type[ops.Rsqrt | ops.Sqrt] = ops.Rsqrt) -> Inverse | None:
    """Return the inverse root (or root) of a mean of squares over the last axes that `value` is, if it is one."""
    node = made_by(value, root)
    moved = plus(node.inputs[0]) if node else None
    total = made_by(moved.value, ops.ReduceMean) if moved and moved.sign == 1 else None
    if moved is None or total is None or not total.op.attributes()["keepdims"]:
        return None
    axes = axes_of(total)
    rank = total.inputs[0].type.rank
    if sorted(axes) != list(range(rank - len(axes), rank)):
        return None
    squares = made_by(total.inputs[0], ops.Square, ops.SquaredDifference)
    inner = made_by(squares.inputs[0], ops.Sub) if squares and isinstance(squares.op, ops.Square) else squares
    for x, mean in (inner.inputs, inner.inputs[::-1]) if inner else ():
        if _is_mean(mean, x, axes):
            return Inverse(x, mean, axes, moved.number)
    if squares is None or not isinstance(squares.op, ops.Square):
        return None
    return Inverse(squares.inputs[0], None, axes, moved.number)


def _is_mean(mean: Value, x: Value, axes: Axes) -> bool:
    node = made_by(mean, ops.ReduceMean)
    return node is not None and node.inputs[0] is x and axes_of(node) == axes and node.op.attributes()["keepdims"]


@rule(ops.Mul)
def normalized(op: ops.Mul, node: Node, rewriter: Rewriter) -> Replacement:
    """(x - mean) * rsqrt(…), or x * rsqrt(…), perhaps times a constant."""
    whole = factors(node.output)
    for value in whole.values:
        inverse = inverse_deviation(value)
        if inverse is None or whole.number != 1:
            continue
        for other in whole.without(value) or ():
            rest = whole.without(value, other)
            if rest is not None and len(rest) <= 1 and _is_centered(other, inverse):
                return _norm(rewriter, inverse, rest[0] if rest else None, None)
    return None


@rule(ops.Div)
def normalized_by_root(op: ops.Div, node: Node, rewriter: Rewriter) -> Replacement:
    """(x - mean) / sqrt(…), or x / sqrt(…)."""
    inverse = inverse_deviation(node.inputs[1], ops.Sqrt)
    if inverse is None or not _is_centered(node.inputs[0], inverse):
        return None
    return _norm(rewriter, inverse, None, None)


@rule(ops.Add, ops.Sub)
def normalized_in_parts(op: ops.Add | ops.Sub, node: Node, rewriter: Rewriter) -> Replacement:
    """x * s + (beta - mean * s) with s = rsqrt(…) * gamma, as `batch_normalization` of TensorFlow has it."""
    for parts in _readings(node):
        scale = _scale_of(parts)
        if scale is not None:
            return _norm(rewriter, *scale, parts.beta)
    return None


class _Parts(NamedTuple):
    """A sum x * scale + (beta - shift)."""

    x: Value
    scale: Value
    shift: Factors
    beta: Value | None


def _readings(node: Node) -> Iterator[_Parts]:
    """Yield the ways to read a sum, or a difference, as `_Parts`."""
    a, b = node.inputs
    plus = isinstance(node.op, ops.Add)
    for scaled, rest in ((a, b), (b, a)) if plus else ((a, b),):
        product = made_by(scaled, ops.Mul)
        inner = made_by(rest, ops.Sub) if plus else None
        shift = factors(inner.inputs[1] if inner else rest)
        if product is None or shift.number != (-1 if plus and inner is None else 1):
            continue
        beta = inner.inputs[0] if inner else None
        for x, scale in (product.inputs, product.inputs[::-1]):
            yield _Parts(x, scale, shift, beta)


def _scale_of(parts: _Parts) -> tuple[Inverse, Value | None] | None:
    """Return rsqrt(…) and gamma of a scale, if the shift is that of the mean."""
    whole = factors(parts.scale)
    for value in whole.values if whole.number == 1 else ():
        inverse = inverse_deviation(value)
        gamma = whole.without(value)
        if inverse is None or inverse.x is not parts.x or gamma is None or len(gamma) > 1:
            continue
        if inverse.mean is not None and parts.shift.are(inverse.mean, parts.scale):
            return inverse, gamma[0] if gamma else None
    return None


def _is_centered(value: Value, inverse: Inverse) -> bool:
    if inverse.mean is None:
        return value is inverse.x
    node = made_by(value, ops.Sub)
    return node is not None and node.inputs == (inverse.x, inverse.mean)


def _norm(rewriter: Rewriter, inverse: Inverse, gamma: Value | None, beta: Value | None) -> Replacement:
    x = inverse.x
    sizes = [x.type.shape[a] for a in inverse.axes]
    if x.type != rewriter.node.output.type:
        return None
    if not all(isinstance(d, int) for d in sizes):
        return Skip("the normalized axes have no fixed size")
    shape: Any = tuple(sizes)
    scale = _parameter(gamma, 1.0, x, shape)
    shift = _parameter(beta, 0.0, x, shape)
    if scale is None or shift is None:
        return Skip("the scale or shift is no constant along the normalized axes")
    if inverse.mean is None:
        return rewriter.add(ops.RmsNorm(inverse.axes, inverse.epsilon), x, rewriter.constant(scale))
    op = ops.LayerNorm(inverse.axes, inverse.epsilon)
    return rewriter.add(op, x, rewriter.constant(scale), rewriter.constant(shift))


def _parameter(value: Value | None, default: float, x: Value, shape: tuple[int, ...]) -> Array | None:
    """Bring a constant to the shape of a parameter along the last axes."""
    if value is None:
        return np.full(shape, default, x.type.dtype.numpy)
    if value.data is None or value.type.rank > x.type.rank:
        return None
    lead = max(value.data.ndim - len(shape), 0)
    if any(d != 1 for d in value.data.shape[:lead]):
        return None
    return np.ascontiguousarray(np.broadcast_to(value.data.reshape(value.data.shape[lead:]), shape))


@rule(ops.Mul, ops.Add)
def into_parameters(op: ops.Mul | ops.Add, node: Node, rewriter: Rewriter) -> Replacement:
    """A normalization times or plus a constant along its axes."""
    y, constant = node.inputs
    norm = made_by(y, ops.LayerNorm, ops.RmsNorm)
    if norm is None or y.type != node.output.type or not is_single(y):
        return None
    axes = axes_of(norm)
    rank = y.type.rank
    if any(not v.is_constant for v in norm.inputs[1:]) or sorted(axes) != list(range(rank - len(axes), rank)):
        return None
    shape: Any = norm.inputs[1].type.shape
    data = _parameter(constant, 0.0, y, shape)
    plain = isinstance(norm.op, ops.RmsNorm)
    if data is None or (plain and isinstance(op, ops.Add)):
        return None
    wide = [np.asarray(v.data, np.float64) for v in norm.inputs[1:]]
    if isinstance(op, ops.Mul):
        wide = [w * data for w in wide]
    else:
        wide = [wide[0], wide[1] + data]
    constants = [
        rewriter.constant(w.astype(y.type.dtype.numpy), v.name) for w, v in zip(wide, norm.inputs[1:], strict=True)
    ]
    return rewriter.add(norm.op, norm.inputs[0], *constants, origin=norm.origin)


PASS = RulePass("recognize_norms", (normalized, normalized_by_root, normalized_in_parts, into_parameters))
