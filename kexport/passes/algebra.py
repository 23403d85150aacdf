"""Applies identities of numbers: neutral elements, double negation; collects constants and moves them right.

Every rule keeps results within a rounding or two. Only the sign of a zero may change.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from kexport import ops
from kexport.ir.graph import Node
from kexport.ir.op import OPS, Array, Op, having
from kexport.ir.types import DType
from kexport.ops.binary import Binary
from kexport.ops.elementwise import Unary
from kexport.rewrite import Rewriter, RulePass, Skip, rule
from kexport.rewrite.bounds import nonnegative
from kexport.rewrite.match import fits, is_constant, is_single, made_by, uniform
from kexport.rewrite.rule import Replacement
from kexport.rewrite.term import Term

_MOST_EXPONENT = 14
"""Powers of two up to this exponent, and their reciprocals, are normal in every float type."""


@rule(*having(lambda t: t.algebra.commutative or bool(t.algebra.mirrored)))
def constant_right(op: Op, node: Node, rewriter: Rewriter) -> Replacement:
    """c + x is x + c; c < x is x > c."""
    a, b = node.inputs
    if not is_constant(a) or is_constant(b):
        return None
    mirrored = op.traits.algebra.mirrored
    return rewriter.add(OPS[mirrored]() if mirrored else op, b, a)


@rule(*having(lambda t: t.algebra.neutral is not None))
def neutral(op: Op, node: Node, rewriter: Rewriter) -> Replacement:
    """x + 0, x * 1, x ** 1, x and true, … are x."""
    x, c = node.inputs
    return x if uniform(c) == op.traits.algebra.neutral and x.type == node.output.type else None


@rule(*having(lambda t: t.algebra.absorbing is not None))
def absorbing(op: Op, node: Node, rewriter: Rewriter) -> Replacement:
    """x and false is false; x or true is true."""
    value = uniform(node.inputs[1])
    type = node.output.type
    if value is None or value != op.traits.algebra.absorbing:
        return None
    return rewriter.add(ops.Full(type.shape, bool(value) if type.dtype is DType.BOOL else 0, type.dtype))


@rule(*(op for op in having(lambda t: t.algebra.idempotent) if issubclass(op, Binary)))
def both_the_same(op: Op, node: Node, rewriter: Rewriter) -> Replacement:
    """max(x, x) is x."""
    a, b = node.inputs
    return a if a is b else None


@rule(*having(lambda t: t.algebra.involution))
def undone(op: Op, node: Node, rewriter: Rewriter) -> Replacement:
    """-(-x) is x."""
    inner = made_by(node.inputs[0], type(op))
    return inner.inputs[0] if inner else None


@rule(*(op for op in having(lambda t: t.algebra.idempotent) if issubclass(op, Unary)))
def repeated(op: Op, node: Node, rewriter: Rewriter) -> Replacement:
    """floor(floor(x)) is floor(x)."""
    return node.inputs[0] if made_by(node.inputs[0], type(op)) else None


@rule(ops.Relu, ops.Abs)
def of_nonnegative(op: ops.Relu | ops.Abs, node: Node, rewriter: Rewriter) -> Replacement:
    """relu and |.| of what is never negative are that."""
    return node.inputs[0] if nonnegative(node.inputs[0]) else None


@rule(ops.Relu6)
def relu6_of_relu(op: ops.Relu6, node: Node, rewriter: Rewriter) -> Replacement:
    """relu6(relu(x)) is relu6(x)."""
    inner = made_by(node.inputs[0], ops.Relu)
    return rewriter.add(op, inner.inputs[0]) if inner else None


@rule(*having(lambda t: t.algebra.even))
def even(op: Op, node: Node, rewriter: Rewriter) -> Replacement:
    """The square of -x or |x| is that of x."""
    inner = made_by(node.inputs[0], ops.Neg, ops.Abs)
    return rewriter.add(op, inner.inputs[0]) if inner and inner.op != op else None


# --- signs


@rule(ops.Add)
def add_negative(op: ops.Add, node: Node, rewriter: Rewriter) -> Replacement:
    """a + -b is a - b."""
    a, b = node.inputs
    if minus := made_by(b, ops.Neg):
        return rewriter.add(ops.Sub(), a, minus.inputs[0])
    if minus := made_by(a, ops.Neg):
        return rewriter.add(ops.Sub(), b, minus.inputs[0])
    return None


@rule(ops.Sub)
def subtract_negative(op: ops.Sub, node: Node, rewriter: Rewriter) -> Replacement:
    """a - -b is a + b."""
    a, b = node.inputs
    minus = made_by(b, ops.Neg)
    return rewriter.add(ops.Add(), a, minus.inputs[0]) if minus else None


@rule(ops.Sub)
def subtract_constant(op: ops.Sub, node: Node, rewriter: Rewriter) -> Replacement:
    """x - c is x + -c, for floats."""
    x, c = node.inputs
    if c.data is None or x.is_constant or not c.type.dtype.is_float:
        return None
    return rewriter.add(ops.Add(), x, rewriter.constant(np.negative(c.data)))


@rule(ops.Neg)
def negative_difference(op: ops.Neg, node: Node, rewriter: Rewriter) -> Replacement:
    """-(a - b) is b - a."""
    inner = made_by(node.inputs[0], ops.Sub)
    return rewriter.add(inner.op, *inner.inputs[::-1]) if inner and rewriter.only_use(node.inputs[0]) else None


@rule(ops.Mul, ops.Div)
def times_minus_one(op: ops.Mul | ops.Div, node: Node, rewriter: Rewriter) -> Replacement:
    """x * -1 is -x; -x * c is x * -c."""
    x, c = node.inputs
    if uniform(c) == -1 and x.type == node.output.type:
        return rewriter.add(ops.Neg(), x)
    minus = made_by(x, ops.Neg)
    if minus is None or c.data is None or not c.type.dtype.is_float:
        return None
    return rewriter.add(op, minus.inputs[0], rewriter.constant(np.negative(c.data)))


@rule(ops.Sub)
def zero_minus(op: ops.Sub, node: Node, rewriter: Rewriter) -> Replacement:
    """0 - x is -x."""
    zero, x = node.inputs
    return rewriter.add(ops.Neg(), x) if uniform(zero) == 0 and x.type == node.output.type else None


# --- powers and quotients

_POWERS: dict[float, Op] = {2: ops.Square(), 0.5: ops.Sqrt(), -1: ops.Reciprocal(), -0.5: ops.Rsqrt()}


@rule(ops.Pow)
def power(op: ops.Pow, node: Node, rewriter: Rewriter) -> Replacement:
    """x ** 2 is square(x); likewise 3 and -1, and where x >= 0 also 1/2 and -1/2 (for -inf they differ)."""
    x = Term(rewriter, node.inputs[0])
    exponent = uniform(node.inputs[1])
    if exponent is None or not x.type.dtype.is_float or x.type != node.output.type:
        return None
    if exponent == 3:
        return (x.of(ops.Square()) * x).value
    if exponent not in _POWERS or (exponent % 1 and not nonnegative(x.value)):
        return None
    return x.of(_POWERS[exponent]).value


@rule(ops.Mul)
def square(op: ops.Mul, node: Node, rewriter: Rewriter) -> Replacement:
    """x * x is square(x)."""
    a, b = node.inputs
    return rewriter.add(ops.Square(), a) if a is b and a.type.dtype.is_float else None


@rule(ops.Sqrt)
def root_of_square(op: ops.Sqrt, node: Node, rewriter: Rewriter) -> Replacement:
    """sqrt(square(x)) is |x|."""
    inner = made_by(node.inputs[0], ops.Square)
    return rewriter.add(ops.Abs(), inner.inputs[0]) if inner else None


@rule(ops.Square)
def square_of_root(op: ops.Square, node: Node, rewriter: Rewriter) -> Replacement:
    """square(sqrt(x)) is x, if x >= 0."""
    inner = made_by(node.inputs[0], ops.Sqrt)
    return inner.inputs[0] if inner and nonnegative(inner.inputs[0]) else None


@rule(ops.Div)
def one_over(op: ops.Div, node: Node, rewriter: Rewriter) -> Replacement:
    """1 / x is reciprocal(x)."""
    one, x = node.inputs
    return rewriter.add(ops.Reciprocal(), x) if uniform(one) == 1 and x.type == node.output.type else None


@rule(ops.Reciprocal)
def one_over_root(op: ops.Reciprocal, node: Node, rewriter: Rewriter) -> Replacement:
    """1 / sqrt(x) is rsqrt(x)."""
    inner = made_by(node.inputs[0], ops.Sqrt)
    return rewriter.add(ops.Rsqrt(), inner.inputs[0]) if inner else None


@rule(ops.Mul)
def times_reciprocal(op: ops.Mul, node: Node, rewriter: Rewriter) -> Replacement:
    """a * (1/b) is a / b."""
    for a, b in (node.inputs, node.inputs[::-1]):
        if (inner := made_by(b, ops.Reciprocal)) and is_single(b):
            return rewriter.add(ops.Div(), a, inner.inputs[0])
    return None


@rule(ops.Div)
def divide_by_power_of_two(op: ops.Div, node: Node, rewriter: Rewriter) -> Replacement:
    """x / c is x * (1/c) where 1/c is exact: where c is a power of two. Elsewhere it would round twice."""
    x, c = node.inputs
    if c.data is None or x.is_constant or c.data.size == 0:
        return None
    wide = c.data.astype(np.float64)
    mantissa, exponent = np.frexp(wide)
    if not bool(((np.abs(mantissa) == 0.5) & (np.abs(exponent) <= _MOST_EXPONENT)).all()):
        return Skip("1/c is not exact")
    return rewriter.add(ops.Mul(), x, rewriter.constant((1 / wide).astype(c.data.dtype)))


# --- constants that meet


@rule(ops.Add)
def add_constants(op: ops.Add, node: Node, rewriter: Rewriter) -> Replacement:
    """(x + a) + b is x + (a + b), unless a and b nearly cancel: then the order may be meant to round."""
    return _merge(node, rewriter, made_by(node.inputs[0], ops.Add), op, _sum)


@rule(ops.Mul, ops.Div)
def multiply_constants(op: ops.Mul | ops.Div, node: Node, rewriter: Rewriter) -> Replacement:
    """(x * a) * b is x * (a * b), unless that overflows or vanishes; likewise with one or two quotients."""
    inner = made_by(node.inputs[0], ops.Mul, ops.Div)
    if inner is None:
        return None
    quotients = [isinstance(n.op, ops.Div) for n in (inner, node)]
    merged = ops.Div() if all(quotients) else ops.Mul()
    return _merge(node, rewriter, inner, merged, partial(_product, *(q and not all(quotients) for q in quotients)))


def _merge(node: Node, rewriter: Rewriter, inner: Node | None, op: Op, combine: Any) -> Replacement:
    b = node.inputs[1].data
    if inner is None or b is None or inner.inputs[1].data is None or inner.inputs[0].is_constant:
        return None
    if not rewriter.only_use(node.inputs[0]):
        return Skip("the inner result is used elsewhere")
    a = inner.inputs[1].data
    data: Array | Skip = combine(a, b)
    if isinstance(data, Skip):
        return data
    if data.size > max(a.size, b.size):
        return Skip("the constants would grow")
    constant = rewriter.constant(data)
    return rewriter.add(op, inner.inputs[0], constant) if fits(node, op, inner.inputs[0], constant) else None


def _sum(a: Array, b: Array) -> Array | Skip:
    if a.dtype.kind in "iub":
        return a + b
    total = a.astype(np.float64) + b.astype(np.float64)
    if bool((np.abs(total) < 0.25 * np.maximum(np.abs(a), np.abs(b))).any()):
        return Skip("the constants cancel")
    return total.astype(a.dtype)


def _product(under_a: bool, under_b: bool, a: Array, b: Array) -> Array | Skip:
    if a.dtype.kind in "iub":
        return a * b
    with np.errstate(all="ignore"):
        x = a.astype(np.float64)
        y = b.astype(np.float64)
        exact = (1 / x if under_a else x) * (1 / y if under_b else y)
        data = exact.astype(a.dtype)
    if not bool((np.isfinite(data) & ((data != 0) | (exact == 0))).all()):
        return Skip("the product is out of range")
    return data


PASS = RulePass(
    "algebra",
    (
        constant_right, neutral, absorbing, both_the_same, undone, repeated, of_nonnegative, relu6_of_relu, even,
        add_negative, subtract_negative, zero_minus, subtract_constant, negative_difference, times_minus_one, power,
        square, root_of_square, square_of_root, one_over, one_over_root, times_reciprocal, divide_by_power_of_two,
        add_constants, multiply_constants,
    ),
)  # fmt: skip
