"""Elementwise functions of two operands, and select; operands are broadcast as in numpy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from kexport.errors import GraphError
from kexport.ir.dim import SymDim, UndecidableDim, bounds, dim_max, dim_min
from kexport.ir.op import Array, Op
from kexport.ir.traits import POSITIVE, Algebra, Growth, Interval, Keeps, Text, Traits, Work
from kexport.ir.types import DType, TensorType
from kexport.ops import check
from kexport.ops.arrays import compute, is_symbolic
from kexport.ops.broadcast import broadcast


class Binary(Op, abstract=True):
    """An elementwise function of two operands of one element type, which the result has too."""

    accepts: ClassVar[str] = "numeric"
    fn: ClassVar[Callable[..., Any]]

    def infer(self, a: TensorType, b: TensorType) -> TensorType:
        check.kind(self.accepts, a, b)
        check.same_dtype(a, b)
        return broadcast(a, b)

    def evaluate(self, a: Array, b: Array) -> Array:
        return compute(type(self).fn, a, b)


class Comparison(Binary, abstract=True):
    """An elementwise question about two operands; the result is boolean."""

    accepts = "real"

    def infer(self, a: TensorType, b: TensorType) -> TensorType:
        return super().infer(a, b).with_dtype(DType.BOOL)


def _decide_equal(a: Any, b: Any) -> bool:
    if a == b or not (isinstance(a, SymDim) or isinstance(b, SymDim)):
        return bool(a == b)
    low, high = bounds(a - b)
    if low <= 0 <= high:
        raise UndecidableDim(f"whether {a} equals {b} depends on the input size")
    return False


_dim_equal = np.frompyfunc(_decide_equal, 2, 1)
_dim_max = np.frompyfunc(dim_max, 2, 1)
_dim_min = np.frompyfunc(dim_min, 2, 1)


def maximum(a: Array, b: Array) -> Any:
    """The larger of a and b, also for dims."""
    return (_dim_max if is_symbolic(a, b) else np.maximum)(a, b)


def minimum(a: Array, b: Array) -> Any:
    """The smaller of a and b, also for dims."""
    return (_dim_min if is_symbolic(a, b) else np.minimum)(a, b)


def equal(a: Array, b: Array) -> Any:
    """Whether a and b are equal, also for dims."""
    return np.asarray(_dim_equal(a, b), dtype=bool) if is_symbolic(a, b) else np.equal(a, b)


def _not_equal(a: Array, b: Array) -> Any:
    return np.logical_not(equal(a, b))


def _floor_div(a: Array, b: Array) -> Any:
    return np.floor(np.true_divide(a, b)) if a.dtype.kind == "f" else np.floor_divide(a, b)


def _pow(a: Array, b: Array) -> Any:
    if b.dtype.kind == "i" and (b < 0).any():
        raise GraphError(f"an integer to the power {b.min()} is not an integer")
    return np.power(a, b)


def _squared_difference(a: Array, b: Array) -> Any:
    return (a - b) * (a - b)


class Add(Binary):
    """a + b."""

    traits = Traits(Work.ROUNDS, Keeps.SIGN, growth=Growth.SLIGHT, algebra=Algebra(commutative=True, neutral=0))
    fn = np.add


class Sub(Binary):
    """a - b."""

    traits = Traits(Work.ROUNDS, growth=Growth.SLIGHT, algebra=Algebra(neutral=0))
    fn = np.subtract


class Mul(Binary):
    """a * b."""

    traits = Traits(
        Work.ROUNDS, Keeps.SIGN, multiplies=True, growth=Growth.GREAT, algebra=Algebra(commutative=True, neutral=1)
    )
    fn = np.multiply


class Div(Binary):
    """a / b, not for integers."""

    traits = Traits(Work.ROUNDS, multiplies=True, algebra=Algebra(neutral=1))
    accepts = "floating-point"
    fn = np.true_divide


class FloorDiv(Binary):
    """floor(a / b); of floats the quotient is rounded first, as TensorFlow does."""

    traits = Traits(Work.ROUNDS, Keeps.SIGN, steps=True, growth=Growth.SLIGHT)
    accepts = "real"
    fn = _floor_div


class Mod(Binary):
    """a - floor(a / b) * b: the sign is that of b."""

    traits = Traits(Work.ROUNDS, Keeps.SIGN, steps=True)
    accepts = "real"
    fn = np.mod


class Pow(Binary):
    """a ** b."""

    traits = Traits(Work.ROUNDS, growth=Growth.GREAT, algebra=Algebra(neutral=1))
    accepts = "real"
    fn = _pow


class Maximum(Binary):
    """The larger of a and b; NaN if one is NaN."""

    traits = Traits(
        Work.PICKS, Keeps.VALUES, saturates=True, algebra=Algebra(commutative=True, neutral=-math.inf, idempotent=True)
    )
    accepts = "real"
    fn = maximum


class Minimum(Binary):
    """The smaller of a and b; NaN if one is NaN."""

    traits = Traits(
        Work.PICKS, Keeps.VALUES, saturates=True, algebra=Algebra(commutative=True, neutral=math.inf, idempotent=True)
    )
    accepts = "real"
    fn = minimum


class Atan2(Binary):
    """The angle in [-pi, pi] of the point with y = a and x = b."""

    traits = Traits(Work.ROUNDS, range=Interval(-math.pi, math.pi))
    accepts = "floating-point"
    fn = np.arctan2


class SquaredDifference(Binary):
    """(a - b) ** 2."""

    traits = Traits(Work.ROUNDS, range=POSITIVE, growth=Growth.GREAT, algebra=Algebra(commutative=True))
    fn = _squared_difference


class Equal(Comparison):
    """a == b."""

    traits = Traits(Work.EXACT, steps=True, text=Text.ALSO, algebra=Algebra(commutative=True))
    accepts = "any"
    fn = equal


class NotEqual(Comparison):
    """a != b."""

    traits = Traits(Work.EXACT, steps=True, text=Text.ALSO, algebra=Algebra(commutative=True))
    accepts = "any"
    fn = _not_equal


class Less(Comparison):
    """a < b."""

    traits = Traits(Work.EXACT, steps=True, algebra=Algebra(mirrored="greater"))
    fn = np.less


class LessEqual(Comparison):
    """a <= b."""

    traits = Traits(Work.EXACT, steps=True, algebra=Algebra(mirrored="greater_equal"))
    fn = np.less_equal


class Greater(Comparison):
    """a > b."""

    traits = Traits(Work.EXACT, steps=True, algebra=Algebra(mirrored="less"))
    fn = np.greater


class GreaterEqual(Comparison):
    """a >= b."""

    traits = Traits(Work.EXACT, steps=True, algebra=Algebra(mirrored="less_equal"))
    fn = np.greater_equal


class LogicalAnd(Binary):
    """a and b."""

    traits = Traits(Work.EXACT, algebra=Algebra(commutative=True, neutral=1, absorbing=0, idempotent=True))
    accepts = "boolean"
    fn = np.logical_and


class LogicalOr(Binary):
    """a or b."""

    traits = Traits(Work.EXACT, algebra=Algebra(commutative=True, neutral=0, absorbing=1, idempotent=True))
    accepts = "boolean"
    fn = np.logical_or


class LogicalXor(Binary):
    """Either a or b, not both."""

    traits = Traits(Work.EXACT, algebra=Algebra(commutative=True, neutral=0))
    accepts = "boolean"
    fn = np.logical_xor


class BitAnd(Binary):
    """The bits set in a and in b."""

    traits = Traits(Work.EXACT, algebra=Algebra(commutative=True, absorbing=0, idempotent=True))
    accepts = "integer"
    fn = np.bitwise_and


class BitOr(Binary):
    """The bits set in a or in b."""

    traits = Traits(Work.EXACT, algebra=Algebra(commutative=True, neutral=0, idempotent=True))
    accepts = "integer"
    fn = np.bitwise_or


class BitXor(Binary):
    """The bits set in one of a and b."""

    traits = Traits(Work.EXACT, algebra=Algebra(commutative=True, neutral=0))
    accepts = "integer"
    fn = np.bitwise_xor


class ShiftLeft(Binary):
    """a * 2**b; bits shifted out are lost. 0 <= b < number of bits."""

    traits = Traits(Work.EXACT, growth=Growth.GREAT, algebra=Algebra(neutral=0))
    accepts = "integer"
    fn = np.left_shift


class ShiftRight(Binary):
    """floor(a / 2**b): signed integers keep their sign. 0 <= b < number of bits."""

    traits = Traits(Work.EXACT, algebra=Algebra(neutral=0))
    accepts = "integer"
    fn = np.right_shift


class Select(Op):
    """a where cond, else b; all three are broadcast."""

    traits = Traits(Work.PICKS, Keeps.VALUES, data=(1, 2), text=Text.ALSO)

    def infer(self, cond: TensorType, a: TensorType, b: TensorType) -> TensorType:
        check.kind("boolean", cond)
        check.same_dtype(a, b)
        return broadcast(a, b, cond)

    def evaluate(self, cond: Array, a: Array, b: Array) -> Array:
        return compute(np.where, cond, a, b)
