"""Activation functions, and the table of those that other ops can apply to their result."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from kexport.errors import GraphError
from kexport.ir.op import Array, Op
from kexport.ir.traits import POSITIVE, SYMMETRIC, UNIT, Algebra, Interval, Keeps, Traits, Work
from kexport.ir.types import TensorType
from kexport.ops import check
from kexport.ops.arrays import compute
from kexport.ops.broadcast import broadcast_to
from kexport.ops.elementwise import Unary
from kexport.ops.erf import erf

_SELU_ALPHA = 1.6732632423543772
_SELU_SCALE = 1.0507009873554805


def _sigmoid(x: Array) -> Array:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


def _softplus(x: Array) -> Array:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _elu(x: Array, alpha: float) -> Array:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def _hard_sigmoid(x: Array) -> Array:
    return np.clip(x / 6 + 0.5, 0, 1)


class Relu(Unary):
    """max(x, 0)."""

    traits = Traits(Work.PICKS, Keeps.VALUES, range=POSITIVE, saturates=True, algebra=Algebra(idempotent=True))
    accepts = "real"

    def formula(self, x: Array) -> Array:
        return np.maximum(x, 0)


class Relu6(Unary):
    """min(max(x, 0), 6)."""

    traits = Traits(
        Work.PICKS, Keeps.VALUES, range=Interval(0.0, 6.0), saturates=True, algebra=Algebra(idempotent=True)
    )
    accepts = "real"

    def formula(self, x: Array) -> Array:
        return np.clip(x, 0, 6)


class Sigmoid(Unary):
    """1 / (1 + e**-x)."""

    traits = Traits(Work.ROUNDS, range=UNIT, saturates=True)
    fn = _sigmoid


class Tanh(Unary):
    """(e**x - e**-x) / (e**x + e**-x)."""

    traits = Traits(Work.ROUNDS, Keeps.SIGN, range=SYMMETRIC, saturates=True)
    fn = np.tanh


class Selu(Unary):
    """s*x where x > 0, else s*a*(e**x - 1); s = 1.0507…, a = 1.6732… (Klambauer et al. 2017)."""

    traits = Traits(Work.ROUNDS, Keeps.SIGN, range=Interval(-_SELU_SCALE * _SELU_ALPHA))

    def formula(self, x: Array) -> Array:
        return _SELU_SCALE * _elu(x, _SELU_ALPHA)


class Softplus(Unary):
    """log(1 + e**x)."""

    traits = Traits(Work.ROUNDS, range=POSITIVE, saturates=True)
    fn = _softplus


class Softsign(Unary):
    """x / (1 + |x|)."""

    traits = Traits(Work.ROUNDS, Keeps.SIGN, range=SYMMETRIC, saturates=True)

    def formula(self, x: Array) -> Array:
        return x / (1 + np.abs(x))


class Silu(Unary):
    """x * sigmoid(x)."""

    traits = Traits(Work.ROUNDS, Keeps.SIGN, range=Interval(-0.2785))

    def formula(self, x: Array) -> Array:
        return x * _sigmoid(x)


class HardSigmoid(Unary):
    """min(max(x/6 + 0.5, 0), 1)."""

    traits = Traits(Work.ROUNDS, range=UNIT, saturates=True)
    fn = _hard_sigmoid


class HardSilu(Unary):
    """x * hard_sigmoid(x)."""

    traits = Traits(Work.ROUNDS, Keeps.SIGN, range=Interval(-0.375))

    def formula(self, x: Array) -> Array:
        return x * _hard_sigmoid(x)


class Mish(Unary):
    """x * tanh(softplus(x))."""

    traits = Traits(Work.ROUNDS, Keeps.SIGN, range=Interval(-0.3089))

    def formula(self, x: Array) -> Array:
        return x * np.tanh(_softplus(x))


@dataclass(frozen=True)
class LeakyRelu(Unary):
    """x where x >= 0, else alpha * x."""

    traits = Traits(Work.ROUNDS, Keeps.SIGN)
    alpha: float = 0.2

    def formula(self, x: Array) -> Array:
        return np.where(x >= 0, x, self.alpha * x)


@dataclass(frozen=True)
class Elu(Unary):
    """x where x > 0, else alpha * (e**x - 1)."""

    traits = Traits(Work.ROUNDS, Keeps.SIGN)
    alpha: float = 1.0

    def facts(self) -> Traits:
        return replace(self.traits, range=Interval(min(-self.alpha, 0.0)))

    def formula(self, x: Array) -> Array:
        return _elu(x, self.alpha)


@dataclass(frozen=True)
class Celu(Unary):
    """max(x, 0) + min(0, alpha * (e**(x/alpha) - 1))."""

    traits = Traits(Work.ROUNDS, Keeps.SIGN)
    alpha: float = 1.0

    def facts(self) -> Traits:
        return replace(self.traits, range=Interval(-self.alpha)) if self.alpha > 0 else self.traits

    def formula(self, x: Array) -> Array:
        return np.where(x > 0, x, self.alpha * np.expm1(np.minimum(x, 0) / self.alpha))


@dataclass(frozen=True)
class Gelu(Unary):
    """x/2 * (1 + erf(x/sqrt(2))), or approximately x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715*x**3)))."""

    traits = Traits(Work.ROUNDS, Keeps.SIGN, range=Interval(-0.1701))
    approximate: bool

    def formula(self, x: Array) -> Array:
        if self.approximate:
            return x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))
        return x / 2 * (1 + erf(x / math.sqrt(2)))


@dataclass(frozen=True)
class Threshold(Unary):
    """x where x > threshold, else value."""

    traits = Traits(Work.PICKS, Keeps.VALUES, steps=True)
    threshold: float
    value: float

    def facts(self) -> Traits:
        return replace(self.traits, fill=self.value)

    def formula(self, x: Array) -> Array:
        return np.where(x > self.threshold, x, x.dtype.type(self.value))


@dataclass(frozen=True)
class Clip(Unary):
    """min(max(x, low), high); None is no bound."""

    traits = Traits(Work.PICKS, Keeps.VALUES, saturates=True)
    accepts = "real"
    low: float | None
    high: float | None

    def facts(self) -> Traits:
        low = self.low
        high = self.high
        return replace(
            self.traits, range=Interval(-math.inf if low is None else low, math.inf if high is None else high)
        )

    def infer(self, x: TensorType) -> TensorType:
        if self.low is not None and self.high is not None and self.low > self.high:
            raise GraphError(f"low {self.low} is more than high {self.high}")
        return super().infer(x)

    def formula(self, x: Array) -> Array:
        return np.clip(x, self.low, self.high).astype(x.dtype)


class Prelu(Op):
    """x where x >= 0, else alpha * x; alpha is broadcast to x."""

    traits = Traits(Work.ROUNDS, Keeps.SIGN)

    def infer(self, x: TensorType, alpha: TensorType) -> TensorType:
        check.kind("floating-point", x)
        check.same_dtype(x, alpha)
        broadcast_to(alpha.shape, x.shape)
        return x

    def evaluate(self, x: Array, alpha: Array) -> Array:
        def formula(x: Array, alpha: Array) -> Array:
            return np.where(x >= 0, x, alpha * x)

        return compute(formula, x, alpha)


ACTIVATIONS: dict[str, Unary] = {op.name: op for op in (Relu(), Relu6(), Elu(), Tanh(), Sigmoid())}
"""What the `activation` attribute of other ops may name."""


GATE_ACTIVATIONS: dict[str, Unary] = ACTIVATIONS | {
    op.name: op for op in (HardSigmoid(), Softplus(), Softsign(), Silu(), Selu(), HardSilu(), Mish())
}
"""What the attributes `activation` and `recurrent_activation` of recurrent ops may name."""


def check_activation(name: str | None, known: Mapping[str, Unary] = ACTIVATIONS) -> None:
    """Require None or a key of `known`."""
    if name is not None:
        check.one_of(name, tuple(known), "activation")


def bounded_by(traits: Traits, activation: str | None) -> Traits:
    """The traits of an op that ends with an activation."""
    return traits if activation is None else replace(traits, range=ACTIVATIONS[activation].facts().range)


def apply_activation(name: str | None, x: Array) -> Array:
    """The activation called `name` of x; x itself for None."""
    return x if name is None else GATE_ACTIVATIONS[name].evaluate(x)
