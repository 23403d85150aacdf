"""Pooling over one, two or three spatial axes, channels last."""

from __future__ import annotations

from dataclasses import dataclass

from kexport.errors import GraphError
from kexport.ir.op import Array, Op
from kexport.ir.traits import Keeps, Traits, Work
from kexport.ir.types import TensorType
from kexport.ops import check, convolve
from kexport.ops.arrays import compute
from kexport.ops.window import Padding, check_padding, output_sizes


@dataclass(frozen=True)
class Pool(Op, abstract=True):
    """One number for each window and channel of x[N, *S, C]."""

    window: tuple[int, ...]
    strides: tuple[int, ...]
    padding: Padding

    def infer(self, x: TensorType) -> TensorType:
        if not 3 <= x.rank <= 5:
            raise GraphError(f"x needs 1, 2 or 3 spatial axes between batch and channels, got {x}")
        axes = x.rank - 2
        for values, what in ((self.window, "window"), (self.strides, "strides")):
            check.length(values, axes, what)
            check.at_least(1, values, what)
        check_padding(self.padding, axes)
        sizes = output_sizes(x.shape[1:-1], self.window, self.strides, (1,) * axes, self.padding)
        return x.with_shape((x.shape[0], *sizes, x.shape[-1]))

    def evaluate(self, x: Array) -> Array:
        return compute(self.formula, x)

    def formula(self, x: Array) -> Array:
        """The pooling in numpy."""
        raise NotImplementedError(self.name)


class MaxPool(Pool):
    """The greatest element of each window; padding never wins."""

    traits = Traits(Work.PICKS, Keeps.VALUES, spatial=True)

    def infer(self, x: TensorType) -> TensorType:
        check.kind("real", x)
        return super().infer(x)

    def formula(self, x: Array) -> Array:
        return convolve.max_pool(x, self.window, self.strides, self.padding)


class AvgPool(Pool):
    """The mean of each window; padding is not counted."""

    traits = Traits(Work.ROUNDS, Keeps.RANGE, spatial=True)

    def infer(self, x: TensorType) -> TensorType:
        check.kind("floating-point", x)
        return super().infer(x)

    def formula(self, x: Array) -> Array:
        return convolve.avg_pool(x, self.window, self.strides, self.padding)
