"""Random numbers, drawn anew in every run of a model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kexport.errors import GraphError
from kexport.ir.dim import Dim
from kexport.ir.op import Array, Op
from kexport.ir.traits import UNIT, Traits, Work
from kexport.ir.types import DType, TensorType
from kexport.ops import check
from kexport.ops.layout import ints


@dataclass(frozen=True)
class Draw(Op, abstract=True):
    """A tensor of independent float32 numbers. `draw` is the number of the draw, which no other in a graph has.

    An artifact's numbers are new in every run. `evaluate` gives the same ones each time, so that evaluations of a graph
    can be compared; it is never folded into a constant.
    """

    shape: tuple[Dim, ...]
    draw: int

    def infer(self) -> TensorType:
        if not self.shape:
            raise GraphError("a draw has at least one axis")
        check.at_least(0, self.shape, "the shape")
        return TensorType(DType.F32, self.shape)

    def _generator(self) -> np.random.Generator:
        return np.random.default_rng([self.draw, 0xD1CE])


@dataclass(frozen=True)
class RandomNormal(Draw):
    """Numbers of the standard normal distribution."""

    traits = Traits(Work.ROUNDS)

    def evaluate(self) -> Array:
        return self._generator().standard_normal(ints(self.shape), np.float32)


@dataclass(frozen=True)
class RandomUniform(Draw):
    """Numbers evenly distributed in [0, 1)."""

    traits = Traits(Work.ROUNDS, range=UNIT)

    def evaluate(self) -> Array:
        return self._generator().random(ints(self.shape), np.float32)
