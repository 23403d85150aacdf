"""Ops without operands."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from kexport.ir.dim import Dim, SymDim, bounds
from kexport.ir.op import Array, Op
from kexport.ir.traits import Growth, Interval, Traits, Work
from kexport.ir.types import DType, TensorType
from kexport.ops import check
from kexport.ops.layout import ints


@dataclass(frozen=True)
class Iota(Op):
    """start, start + step, start + 2*step, …"""

    traits = Traits(Work.EXACT, growth=Growth.SLIGHT)
    length: Dim
    dtype: DType
    start: float = 0
    step: float = 1

    def facts(self) -> Traits:
        steps = self.length - 1 if isinstance(self.length, int) else math.inf
        last = self.start + self.step * steps if self.step else self.start
        return replace(self.traits, range=Interval(min(self.start, last), max(self.start, last)))

    def infer(self) -> TensorType:
        check.at_least(0, (self.length,), "length")
        return TensorType(self.dtype, (self.length,))

    def evaluate(self) -> Array:
        (length,) = ints((self.length,))
        return (self.start + self.step * np.arange(length)).astype(self.dtype.numpy)


@dataclass(frozen=True)
class Full(Op):
    """One value everywhere."""

    traits = Traits(Work.EXACT)
    shape: tuple[Dim, ...]
    value: float
    dtype: DType

    def facts(self) -> Traits:
        return self.traits if math.isnan(self.value) else replace(self.traits, range=Interval(self.value, self.value))

    def infer(self) -> TensorType:
        check.at_least(0, self.shape, "the shape")
        return TensorType(self.dtype, self.shape)

    def evaluate(self) -> Array:
        return np.full(ints(self.shape), self.value, dtype=self.dtype.numpy)


@dataclass(frozen=True)
class Dims(Op):
    """Sizes as a tensor of rank 1; an object array while one of them is symbolic."""

    traits = Traits(Work.EXACT, growth=Growth.SLIGHT)
    dims: tuple[Dim, ...]
    dtype: DType

    def facts(self) -> Traits:
        ends = [(float(low), float(high)) for low, high in map(bounds, self.dims)]
        low = min((e[0] for e in ends), default=0.0)
        high = max((e[1] for e in ends), default=0.0)
        return replace(self.traits, range=Interval(low, high))

    def infer(self) -> TensorType:
        return TensorType(self.dtype, (len(self.dims),))

    def evaluate(self) -> Array:
        symbolic = any(isinstance(d, SymDim) for d in self.dims)
        return np.array(self.dims, dtype=object if symbolic else self.dtype.numpy)
