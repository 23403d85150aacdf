"""Reductions and running totals along axes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from kexport.ir.dim import Dim, dim_max, dim_min
from kexport.ir.op import Array, Op
from kexport.ir.traits import POSITIVE, UNIT, Growth, Interval, Keeps, Traits, Work
from kexport.ir.types import DType, TensorType
from kexport.ops import check
from kexport.ops.arrays import compute, highest, is_symbolic, lowest


@dataclass(frozen=True)
class Reduce(Op, abstract=True):
    """One value for all elements along `axes`; reduced axes are dropped, or kept with size 1."""

    axes: tuple[int, ...]
    keepdims: bool = False
    accepts: ClassVar[str] = "real"

    def infer(self, x: TensorType) -> TensorType:
        check.kind(self.accepts, x)
        reduced = check.axes(self.axes, x.rank)
        kept = ((d, i in reduced) for i, d in enumerate(x.shape))
        return x.with_shape(1 if gone else d for d, gone in kept if self.keepdims or not gone)

    def evaluate(self, x: Array) -> Array:
        return compute(self.formula, x)

    def formula(self, x: Array) -> Array:
        """The reduction in numpy."""
        raise NotImplementedError(self.name)


class ReduceSum(Reduce):
    """The sum."""

    traits = Traits(Work.ROUNDS, Keeps.SIGN, growth=Growth.GREAT)

    def formula(self, x: Array) -> Array:
        return np.sum(x, axis=self.axes, keepdims=self.keepdims, dtype=x.dtype)


class ReduceMean(Reduce):
    """The sum divided by the number of elements."""

    traits = Traits(Work.ROUNDS, Keeps.RANGE)
    accepts = "floating-point"

    def formula(self, x: Array) -> Array:
        return np.mean(x, axis=self.axes, keepdims=self.keepdims)


class ReduceMax(Reduce):
    """The greatest element."""

    traits = Traits(Work.PICKS, Keeps.VALUES)

    def formula(self, x: Array) -> Array:
        if is_symbolic(x):
            return _reduce_dims(dim_max, x, self.axes, self.keepdims)
        return np.max(x, axis=self.axes, keepdims=self.keepdims, initial=lowest(x.dtype))


class ReduceMin(Reduce):
    """The least element."""

    traits = Traits(Work.PICKS, Keeps.VALUES)

    def formula(self, x: Array) -> Array:
        if is_symbolic(x):
            return _reduce_dims(dim_min, x, self.axes, self.keepdims)
        return np.min(x, axis=self.axes, keepdims=self.keepdims, initial=highest(x.dtype))


class ReduceProd(Reduce):
    """The product."""

    traits = Traits(Work.ROUNDS, Keeps.SIGN, growth=Growth.GREAT)

    def formula(self, x: Array) -> Array:
        return np.prod(x, axis=self.axes, keepdims=self.keepdims, dtype=x.dtype)


class ReduceAny(Reduce):
    """Whether one element is true."""

    traits = Traits(Work.EXACT)
    accepts = "boolean"

    def formula(self, x: Array) -> Array:
        return np.any(x, axis=self.axes, keepdims=self.keepdims)


class ReduceAll(Reduce):
    """Whether all elements are true."""

    traits = Traits(Work.EXACT)
    accepts = "boolean"

    def formula(self, x: Array) -> Array:
        return np.all(x, axis=self.axes, keepdims=self.keepdims)


@dataclass(frozen=True)
class ArgReduce(Op, abstract=True):
    """The position of one element along an axis, the first of equals."""

    axis: int
    dtype: DType = DType.I32
    keepdims: bool = False
    find: ClassVar[Callable[..., Any]]

    def infer(self, x: TensorType) -> TensorType:
        check.kind("real", x)
        axis = check.axis(self.axis, x.rank)
        kept = (1,) if self.keepdims else ()
        result = TensorType(self.dtype, (*x.shape[:axis], *kept, *x.shape[axis + 1 :]))
        check.kind("integer", result)
        return result

    def evaluate(self, x: Array) -> Array:
        found = type(self).find(x, axis=self.axis, keepdims=self.keepdims)
        return np.asarray(found).astype(self.dtype.numpy)


class ArgMax(ArgReduce):
    """The position of the greatest element, the first of equals."""

    traits = Traits(Work.EXACT, range=POSITIVE, steps=True)
    find = np.argmax


class ArgMin(ArgReduce):
    """The position of the least element, the first of equals."""

    traits = Traits(Work.EXACT, range=POSITIVE, steps=True)
    find = np.argmin


@dataclass(frozen=True)
class Cumulative(Op, abstract=True):
    """A running total along an axis: up to this element, or before it (exclusive); backwards (reverse)."""

    axis: int
    exclusive: bool = False
    reverse: bool = False
    start: ClassVar[int]
    fn: ClassVar[np.ufunc]

    def infer(self, x: TensorType) -> TensorType:
        check.kind("real", x)
        check.axis(self.axis, x.rank)
        return x

    def evaluate(self, x: Array) -> Array:
        return compute(self.formula, x)

    def formula(self, x: Array) -> Array:
        """The result in numpy."""
        x = np.flip(x, self.axis) if self.reverse else x
        if self.exclusive:
            first = np.full_like(np.take(x, [0], self.axis), self.start) if x.shape[self.axis] else x
            x = np.concatenate([first, np.take(x, range(x.shape[self.axis] - 1), self.axis)], self.axis)
        total = type(self).fn.accumulate(x, axis=self.axis, dtype=x.dtype)
        return np.flip(total, self.axis) if self.reverse else total


class CumSum(Cumulative):
    """The running sum."""

    traits = Traits(Work.ROUNDS, Keeps.SIGN, growth=Growth.GREAT)
    start = 0
    fn = np.add


class CumProd(Cumulative):
    """The running product."""

    traits = Traits(Work.ROUNDS, Keeps.SIGN, growth=Growth.GREAT)
    start = 1
    fn = np.multiply


@dataclass(frozen=True)
class TopK(Op):
    """The k greatest elements along the last axis, in descending order, and their positions (i32; first of equals)."""

    traits = Traits(Work.EXACT, Keeps.RANGE, steps=True)
    k: Dim

    def infer(self, x: TensorType) -> tuple[TensorType, TensorType]:
        check.kind("real", x)
        axis = check.axis(-1, x.rank)
        check.at_least(0, (self.k,), "k")
        check.at_most(self.k, x.shape[axis], "k")
        values = x.with_shape((*x.shape[:-1], self.k))
        return values, values.with_dtype(DType.I32)

    def evaluate(self, x: Array) -> tuple[Array, Array]:
        size = x.shape[-1]
        ascending = np.argsort(x[..., ::-1], axis=-1, kind="stable")
        order = (size - 1 - ascending)[..., ::-1][..., : self.k]
        return np.take_along_axis(x, order, axis=-1), order.astype(np.int32)


@dataclass(frozen=True)
class Softmax(Op):
    """e**x divided by its sum along the axis."""

    traits = Traits(Work.ROUNDS, range=UNIT, saturates=True, normalizes=True, rowwise=True)
    axis: int = -1

    def infer(self, x: TensorType) -> TensorType:
        check.kind("floating-point", x)
        check.axis(self.axis, x.rank)
        return x

    def evaluate(self, x: Array) -> Array:
        return compute(self.formula, x)

    def formula(self, x: Array) -> Array:
        """The result in numpy."""
        e = np.exp(x - x.max(axis=self.axis, keepdims=True, initial=-np.inf))
        return e / e.sum(axis=self.axis, keepdims=True)


@dataclass(frozen=True)
class LogSoftmax(Op):
    """x minus the logarithm of the sum of e**x along the axis."""

    traits = Traits(Work.ROUNDS, range=Interval(high=0.0), saturates=True, normalizes=True, rowwise=True)
    axis: int = -1

    def infer(self, x: TensorType) -> TensorType:
        check.kind("floating-point", x)
        check.axis(self.axis, x.rank)
        return x

    def evaluate(self, x: Array) -> Array:
        return compute(self.formula, x)

    def formula(self, x: Array) -> Array:
        """The result in numpy."""
        shifted = x - x.max(axis=self.axis, keepdims=True, initial=-np.inf)
        return shifted - np.log(np.exp(shifted).sum(axis=self.axis, keepdims=True))


def _reduce_dims(choose: Callable[..., Any], x: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
    for axis in sorted((a % x.ndim for a in axes), reverse=True):
        x = np.asarray(np.frompyfunc(choose, 2, 1).reduce(x, axis=axis, keepdims=keepdims), dtype=object)
    return x
