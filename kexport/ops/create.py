"""Ops without operands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kexport.ir.dim import Dim, SymDim
from kexport.ir.op import Array, Op
from kexport.ir.types import DType, TensorType
from kexport.ops import check
from kexport.ops.layout import ints


@dataclass(frozen=True)
class Iota(Op):
    """start, start + step, start + 2*step, …"""

    length: Dim
    dtype: DType
    start: float = 0
    step: float = 1

    def infer(self) -> TensorType:
        check.at_least(0, (self.length,), "length")
        return TensorType(self.dtype, (self.length,))

    def evaluate(self) -> Array:
        (length,) = ints((self.length,))
        return (self.start + self.step * np.arange(length)).astype(self.dtype.numpy)


@dataclass(frozen=True)
class Full(Op):
    """One value everywhere."""

    shape: tuple[Dim, ...]
    value: float
    dtype: DType

    def infer(self) -> TensorType:
        check.at_least(0, self.shape, "the shape")
        return TensorType(self.dtype, self.shape)

    def evaluate(self) -> Array:
        return np.full(ints(self.shape), self.value, dtype=self.dtype.numpy)


@dataclass(frozen=True)
class Dims(Op):
    """Sizes as a tensor of rank 1; an object array while one of them is symbolic."""

    dims: tuple[Dim, ...]
    dtype: DType

    def infer(self) -> TensorType:
        return TensorType(self.dtype, (len(self.dims),))

    def evaluate(self) -> Array:
        symbolic = any(isinstance(d, SymDim) for d in self.dims)
        return np.array(self.dims, dtype=object if symbolic else self.dtype.numpy)
