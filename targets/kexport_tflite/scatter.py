"""The ops of this target's own: what SCATTER_ND and DYNAMIC_UPDATE_SLICE do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kexport import ops
from kexport.ir.dim import Dim, substitute, symbols
from kexport.ir.op import Array, Op
from kexport.ir.traits import Growth, Keeps, Traits, Work
from kexport.ir.types import TensorType


@dataclass(frozen=True)
class ScatterZeros(Op, abstract=True):
    """Updates added up in a tensor of zeros, at indices of several axes."""

    traits = Traits(Work.ROUNDS, Keeps.SIGN, data=(1,), growth=Growth.SLIGHT)
    shape: tuple[Dim, ...]

    def infer(self, indices: TensorType, updates: TensorType) -> TensorType:
        return updates.with_shape(self.shape)

    def evaluate(self, indices: Array, updates: Array) -> Array:
        zeros = np.zeros(self.shape, updates.dtype)  # type: ignore[arg-type]  bound by then
        result = ops.ScatterNd("add").evaluate(zeros, indices, updates)
        assert isinstance(result, np.ndarray)
        return result

    def symbols(self) -> set[str]:
        return set().union(*map(symbols, self.shape))

    def bind(self, values: Mapping[str, Dim]) -> ScatterZeros:
        return ScatterZeros(tuple(substitute(d, values) for d in self.shape))


@dataclass(frozen=True)
class UpdateRow(Op, abstract=True):
    """The data with one row along the first axis written anew, at an index, an i32[]."""

    traits = Traits(Work.MOVES, Keeps.VALUES, data=(0, 1))

    def infer(self, data: TensorType, row: TensorType, at: TensorType) -> TensorType:
        return data

    def evaluate(self, data: Array, row: Array, at: Array) -> Array:
        result = data.copy()
        result[int(at)] = row[0]
        return result
