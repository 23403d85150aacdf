"""Elementwise functions of one operand."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from kexport.errors import GraphError
from kexport.ir.dim import UndecidableDim
from kexport.ir.op import Array, Op
from kexport.ir.traits import POSITIVE, SYMMETRIC, Algebra, Growth, Interval, Keeps, Traits, Work
from kexport.ir.types import DType, TensorType
from kexport.ops import check
from kexport.ops.arrays import compute, is_symbolic
from kexport.ops.erf import erf


class Unary(Op, abstract=True):
    """An elementwise function; the result has the operand's type."""

    accepts: ClassVar[str] = "floating-point"
    fn: ClassVar[Callable[..., Any]]
    """The function in numpy; classes that need their attributes define `formula` instead."""

    def infer(self, x: TensorType) -> TensorType:
        check.kind(self.accepts, x)
        return x

    def evaluate(self, x: Array) -> Array:
        return compute(self.formula, x)

    def formula(self, x: Array) -> Any:
        """The function in numpy."""
        return type(self).fn(x)


class Predicate(Unary, abstract=True):
    """An elementwise question; the result is boolean."""

    def infer(self, x: TensorType) -> TensorType:
        return super().infer(x).with_dtype(DType.BOOL)


class Neg(Unary):
    """-x."""

    traits = Traits(Work.EXACT, growth=Growth.SLIGHT, algebra=Algebra(involution=True))
    accepts = "numeric"
    fn = np.negative


class Abs(Unary):
    """|x|."""

    traits = Traits(Work.EXACT, range=POSITIVE, growth=Growth.SLIGHT, algebra=Algebra(idempotent=True, even=True))
    accepts = "real"
    fn = np.absolute


class Sign(Unary):
    """-1, 0 or 1, as x is negative, zero or positive."""

    traits = Traits(Work.EXACT, Keeps.SIGN, range=SYMMETRIC, steps=True, algebra=Algebra(idempotent=True))
    accepts = "real"
    fn = np.sign


class Square(Unary):
    """x * x."""

    traits = Traits(Work.ROUNDS, range=POSITIVE, growth=Growth.GREAT, algebra=Algebra(even=True))
    accepts = "numeric"

    def formula(self, x: Array) -> Array:
        return x * x


class Reciprocal(Unary):
    """1 / x."""

    traits = Traits(Work.ROUNDS)

    def formula(self, x: Array) -> Array:
        return 1 / x


class Sqrt(Unary):
    """The square root of x."""

    traits = Traits(Work.ROUNDS, range=POSITIVE, compresses=True)
    fn = np.sqrt


class Rsqrt(Unary):
    """1 / sqrt(x)."""

    traits = Traits(Work.ROUNDS, range=POSITIVE, compresses=True)

    def formula(self, x: Array) -> Array:
        return 1 / np.sqrt(x)


class Exp(Unary):
    """e ** x."""

    traits = Traits(Work.ROUNDS, range=POSITIVE, saturates=True, compresses=True)
    fn = np.exp


class Expm1(Unary):
    """e ** x - 1, exact near 0."""

    traits = Traits(Work.ROUNDS, Keeps.SIGN, range=Interval(-1.0))
    fn = np.expm1


class Log(Unary):
    """The natural logarithm of x."""

    traits = Traits(Work.ROUNDS, compresses=True)
    fn = np.log


class Log1p(Unary):
    """log(1 + x), exact near 0."""

    traits = Traits(Work.ROUNDS, Keeps.SIGN, compresses=True)
    fn = np.log1p


class Floor(Unary):
    """The greatest integer that is at most x."""

    traits = Traits(Work.EXACT, Keeps.VALUES, steps=True, algebra=Algebra(idempotent=True))
    fn = np.floor


class Ceil(Unary):
    """The least integer that is at least x."""

    traits = Traits(Work.EXACT, Keeps.VALUES, steps=True, algebra=Algebra(idempotent=True))
    fn = np.ceil


class Round(Unary):
    """The nearest integer, halves to the even one."""

    traits = Traits(Work.EXACT, Keeps.VALUES, steps=True, algebra=Algebra(idempotent=True))
    fn = np.rint


class Sin(Unary):
    """sin x, x in radians."""

    traits = Traits(Work.ROUNDS, range=SYMMETRIC)
    fn = np.sin


class Cos(Unary):
    """cos x, x in radians."""

    traits = Traits(Work.ROUNDS, range=SYMMETRIC, algebra=Algebra(even=True))
    fn = np.cos


class Tan(Unary):
    """tan x, x in radians."""

    traits = Traits(Work.ROUNDS)
    fn = np.tan


class Asin(Unary):
    """The angle in [-pi/2, pi/2] whose sine is x."""

    traits = Traits(Work.ROUNDS, Keeps.SIGN, range=Interval(-math.pi / 2, math.pi / 2))
    fn = np.arcsin


class Acos(Unary):
    """The angle in [0, pi] whose cosine is x."""

    traits = Traits(Work.ROUNDS, range=Interval(0.0, math.pi))
    fn = np.arccos


class Atan(Unary):
    """The angle in (-pi/2, pi/2) whose tangent is x."""

    traits = Traits(Work.ROUNDS, Keeps.SIGN, range=Interval(-math.pi / 2, math.pi / 2))
    fn = np.arctan


class Sinh(Unary):
    """(e**x - e**-x) / 2."""

    traits = Traits(Work.ROUNDS, Keeps.SIGN)
    fn = np.sinh


class Cosh(Unary):
    """(e**x + e**-x) / 2."""

    traits = Traits(Work.ROUNDS, range=Interval(1.0), algebra=Algebra(even=True))
    fn = np.cosh


class Asinh(Unary):
    """The number whose sinh is x."""

    traits = Traits(Work.ROUNDS, Keeps.SIGN, compresses=True)
    fn = np.arcsinh


class Acosh(Unary):
    """The number that is at least 0 and whose cosh is x."""

    traits = Traits(Work.ROUNDS, range=POSITIVE, compresses=True)
    fn = np.arccosh


class Atanh(Unary):
    """The number whose tanh is x."""

    traits = Traits(Work.ROUNDS, Keeps.SIGN)
    fn = np.arctanh


class Erf(Unary):
    """2/sqrt(pi) times the integral of exp(-t*t) from 0 to x."""

    traits = Traits(Work.ROUNDS, Keeps.SIGN, range=SYMMETRIC, saturates=True)
    fn = erf


class LogicalNot(Unary):
    """not x."""

    traits = Traits(Work.EXACT, algebra=Algebra(involution=True))
    accepts = "boolean"
    fn = np.logical_not


class BitNot(Unary):
    """Every bit of x flipped."""

    traits = Traits(Work.EXACT, growth=Growth.SLIGHT, algebra=Algebra(involution=True))
    accepts = "integer"
    fn = np.invert


class IsNan(Predicate):
    """Whether x is not a number."""

    traits = Traits(Work.EXACT)
    fn = np.isnan


class IsInf(Predicate):
    """Whether x is plus or minus infinity."""

    traits = Traits(Work.EXACT)
    fn = np.isinf


class IsFinite(Predicate):
    """Whether x is neither infinite nor not a number."""

    traits = Traits(Work.EXACT)
    fn = np.isfinite


@dataclass(frozen=True)
class Cast(Op):
    """x as another element type: floats are cut towards zero, integers wrap around, bool is x != 0."""

    traits = Traits(Work.ROUNDS, Keeps.VALUES, growth=Growth.SLIGHT)
    dtype: DType

    def infer(self, x: TensorType) -> TensorType:
        if x.dtype != self.dtype and DType.STRING in (x.dtype, self.dtype):
            raise GraphError(f"cannot cast {x.dtype} to {self.dtype}")
        return x.with_dtype(self.dtype)

    def evaluate(self, x: Array) -> Array:
        if is_symbolic(x) and self.dtype.is_int:
            return x
        with np.errstate(all="ignore"):
            try:
                return x.astype(self.dtype.numpy)
            except TypeError as e:
                raise UndecidableDim(f"the {self.dtype} value of {x.tolist()} depends on the input size") from e
