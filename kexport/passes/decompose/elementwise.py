"""Functions of one operand from simpler ones, accurate near zero and without needless overflow."""

from __future__ import annotations

import math

from kexport import ops
from kexport.ir.graph import Node, Value
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.term import Term

QUARTER = (1.5703125, 4.837512969970703125e-4, 7.54978995489188216e-8)
"""A quarter turn in parts, of which the first two are short: their products with small whole numbers are exact."""


@rule(ops.Square)
def square(op: ops.Square, node: Node, rewriter: Rewriter) -> Value:
    """x * x."""
    x = Term(rewriter, node.inputs[0])
    return (x * x).value


@rule(ops.Reciprocal)
def reciprocal(op: ops.Reciprocal, node: Node, rewriter: Rewriter) -> Value:
    """1 / x."""
    return (1 / Term(rewriter, node.inputs[0])).value


@rule(ops.Rsqrt)
def rsqrt(op: ops.Rsqrt, node: Node, rewriter: Rewriter) -> Value:
    """1 / sqrt(x)."""
    return (1 / Term(rewriter, node.inputs[0]).of(ops.Sqrt())).value


@rule(ops.Expm1)
def expm1(op: ops.Expm1, node: Node, rewriter: Rewriter) -> Value:
    """tanh(x/2) * (e**x + 1), which keeps its digits near 0."""
    x = Term(rewriter, node.inputs[0])
    return ((x * 0.5).of(ops.Tanh()) * (x.of(ops.Exp()) + 1)).value


@rule(ops.Log1p)
def log1p(op: ops.Log1p, node: Node, rewriter: Rewriter) -> Value:
    """log(u) * m/(v - 1) with u = 1 + x, m = min(x, 1) and v = 1 + m; x itself where u is 1.

    The factor repairs the digits of x that 1 + x rounds away (Kahan); it is 1 for x of at least 1.
    """
    x = Term(rewriter, node.inputs[0])
    u = x + 1
    m = x.min(1.0)
    repaired = u.of(ops.Log()) * (m / ((m + 1) - 1))
    return u.of(ops.Equal(), 1.0).select(x, repaired).value


@rule(ops.Sign)
def sign(op: ops.Sign, node: Node, rewriter: Rewriter) -> Value:
    """1 where x > 0, -1 where x < 0, else x, which is zero or NaN."""
    x = Term(rewriter, node.inputs[0])
    return (x > 0).select(x.lift(1), (x < 0).select(x.lift(-1), x)).value


@rule(ops.Ceil)
def ceil(op: ops.Ceil, node: Node, rewriter: Rewriter) -> Value:
    """-floor(-x)."""
    return (-(-Term(rewriter, node.inputs[0])).of(ops.Floor())).value


@rule(ops.Round)
def round_half_even(op: ops.Round, node: Node, rewriter: Rewriter) -> Value:
    """floor(x), plus 1 where the rest is above one half, or is one half and the floor is odd."""
    x = Term(rewriter, node.inputs[0])
    low = x.of(ops.Floor())
    rest = x - low
    odd = low - (low * 0.5).of(ops.Floor()) * 2
    return (rest < 0.5).select(low, (rest > 0.5).select(low + 1, low + odd)).value


@rule(ops.Tan)
def tan(op: ops.Tan, node: Node, rewriter: Rewriter) -> Value:
    """sin / cos of what is left of x by multiples of a quarter turn; -cos / sin if they are an odd number of them.

    Near a pole the sine of that rest has all its digits; the cosine of x has none.
    """
    x = Term(rewriter, node.inputs[0])
    quarters = (x * (2 / math.pi)).of(ops.Round())
    rest = x
    for part in QUARTER:
        rest = rest - quarters * part
    odd = (quarters - (quarters * 0.5).of(ops.Floor()) * 2) > 0.5
    sine = rest.of(ops.Sin())
    cosine = rest.of(ops.Cos())
    return (odd.select(-cosine, sine) / odd.select(sine, cosine)).value


@rule(ops.Atan)
def atan(op: ops.Atan, node: Node, rewriter: Rewriter) -> Value:
    """The angle of the point (1, x)."""
    return Term(rewriter, node.inputs[0]).of(ops.Atan2(), 1.0).value


@rule(ops.Asin)
def asin(op: ops.Asin, node: Node, rewriter: Rewriter) -> Value:
    """The angle of the point (sqrt(1 - x*x), x)."""
    x = Term(rewriter, node.inputs[0])
    return x.of(ops.Atan2(), ((1 - x) * (x + 1)).of(ops.Sqrt())).value


@rule(ops.Acos)
def acos(op: ops.Acos, node: Node, rewriter: Rewriter) -> Value:
    """The angle of the point (x, sqrt(1 - x*x))."""
    x = Term(rewriter, node.inputs[0])
    return ((1 - x) * (x + 1)).of(ops.Sqrt()).of(ops.Atan2(), x).value


@rule(ops.Sinh)
def sinh(op: ops.Sinh, node: Node, rewriter: Rewriter) -> Value:
    """tanh(x/2) * (cosh(x) + 1), which keeps its digits near 0, and stops at the greatest number where cosh does."""
    x = Term(rewriter, node.inputs[0])
    return ((x * 0.5).of(ops.Tanh()) * (_cosh(x) + 1)).value


@rule(ops.Cosh)
def cosh(op: ops.Cosh, node: Node, rewriter: Rewriter) -> Value:
    """e**x / 2 + e**-x / 2: halved before the sum, so that an engine which stops at the greatest number stops there."""
    return _cosh(Term(rewriter, node.inputs[0])).value


def _cosh(x: Term) -> Term:
    return x.of(ops.Exp()) * 0.5 + (-x).of(ops.Exp()) * 0.5


@rule(ops.Asinh)
def asinh(op: ops.Asinh, node: Node, rewriter: Rewriter) -> Value:
    """sign(x) * log1p(a + a*a/(1 + sqrt(a*a + 1))) with a = |x|."""
    x = Term(rewriter, node.inputs[0])
    a = abs(x)
    square = a * a
    inner = a + square / ((square + 1).of(ops.Sqrt()) + 1)
    return (x.of(ops.Sign()) * inner.of(ops.Log1p())).value


@rule(ops.Acosh)
def acosh(op: ops.Acosh, node: Node, rewriter: Rewriter) -> Value:
    """log1p(t + sqrt(t) * sqrt(t + 2)) with t = x - 1."""
    t = Term(rewriter, node.inputs[0]) - 1
    return (t + t.of(ops.Sqrt()) * (t + 2).of(ops.Sqrt())).of(ops.Log1p()).value


@rule(ops.Atanh)
def atanh(op: ops.Atanh, node: Node, rewriter: Rewriter) -> Value:
    """(log1p(x) - log1p(-x)) / 2."""
    x = Term(rewriter, node.inputs[0])
    return ((x.of(ops.Log1p()) - (-x).of(ops.Log1p())) * 0.5).value


# erf(x) = x * P(x*x) / Q(x*x) on [-4, 4]: the minimax fit that Eigen and XLA use for float32, highest power first.
_ERF_P = (
    -2.72614225801306e-10,
    2.77068142495902e-08,
    -2.10102402082508e-06,
    -5.69250639462346e-05,
    -7.34990630326855e-04,
    -2.95459980854025e-03,
    -1.60960333262415e-02,
)
_ERF_Q = (
    -1.45660718464996e-05,
    -2.13374055278905e-04,
    -1.68282697438203e-03,
    -7.37332916720468e-03,
    -1.42647390514189e-02,
)


@rule(ops.Erf)
def erf(op: ops.Erf, node: Node, rewriter: Rewriter) -> Value:
    """A rational function, right to 3e-7."""
    x = Term(rewriter, node.inputs[0]).max(-4.0).min(4.0)
    square = x * x
    return (x * _polynomial(_ERF_P, square) / _polynomial(_ERF_Q, square)).value


@rule(ops.IsNan)
def is_nan(op: ops.IsNan, node: Node, rewriter: Rewriter) -> Value:
    """x != x."""
    return rewriter.add(ops.NotEqual(), node.inputs[0], node.inputs[0])


@rule(ops.IsInf)
def is_inf(op: ops.IsInf, node: Node, rewriter: Rewriter) -> Value:
    """|x| == infinity."""
    return abs(Term(rewriter, node.inputs[0])).of(ops.Equal(), math.inf).value


@rule(ops.IsFinite)
def is_finite(op: ops.IsFinite, node: Node, rewriter: Rewriter) -> Value:
    """|x| < infinity, which is false for NaN."""
    return (abs(Term(rewriter, node.inputs[0])) < math.inf).value


def _polynomial(coefficients: tuple[float, ...], x: Term) -> Term:
    first, second, *rest = coefficients
    total = x * first + second
    for c in rest:
        total = total * x + c
    return total


RULES = (
    square, reciprocal, rsqrt, expm1, log1p, sign, ceil, round_half_even, tan, atan, asin, acos, sinh, cosh, asinh,
    acosh, atanh, erf, is_nan, is_inf, is_finite,
)  # fmt: skip
