"""Matrix products."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kexport.errors import GraphError
from kexport.ir.op import Array, Op
from kexport.ir.traits import Growth, Traits, Work
from kexport.ir.types import TensorType
from kexport.ops import check
from kexport.ops.activation import apply_activation, bounded_by, check_activation
from kexport.ops.arrays import compute, times
from kexport.ops.broadcast import Shape, broadcast_shapes, same_dim


@dataclass(frozen=True)
class MatMul(Op):
    """a @ b over the last two axes; the others are broadcast. A transposed operand has these two axes swapped."""

    traits = Traits(Work.ROUNDS, weights=(0, 1), multiplies=True, growth=Growth.GREAT)
    transpose_a: bool = False
    transpose_b: bool = False

    def infer(self, a: TensorType, b: TensorType) -> TensorType:
        check.kind("real", a, b)
        check.same_dtype(a, b)
        if a.rank < 2 or b.rank < 2:
            raise GraphError(f"needs matrices or batches of matrices, got {a} and {b}")
        rows, inner = _swap(a.shape[-2:], self.transpose_a)
        inner_b, columns = _swap(b.shape[-2:], self.transpose_b)
        same_dim(inner, inner_b, "the columns of a and the rows of b")
        return a.with_shape((*broadcast_shapes(a.shape[:-2], b.shape[:-2]), rows, columns))

    def evaluate(self, a: Array, b: Array) -> Array:
        a = a.swapaxes(-1, -2) if self.transpose_a else a
        b = b.swapaxes(-1, -2) if self.transpose_b else b
        return compute(np.matmul, a, b)


@dataclass(frozen=True)
class Dense(Op):
    """activation(x @ w + bias); x[..., K], w[K, N], bias[N]."""

    traits = Traits(Work.ROUNDS, weights=(1,), multiplies=True, growth=Growth.GREAT, rowwise=True)
    activation: str | None = None

    def facts(self) -> Traits:
        return bounded_by(self.traits, self.activation)

    def infer(self, x: TensorType, w: TensorType, bias: TensorType | None = None) -> TensorType:
        check.kind("real", x)
        check.same_dtype(x, w, *([] if bias is None else [bias]))
        check.rank(w, 2, "w")
        if x.rank < 1:
            raise GraphError(f"x needs at least one axis, got {x}")
        check_activation(self.activation)
        same_dim(x.shape[-1], w.shape[0], "the last axis of x and the rows of w")
        if bias is not None:
            check.rank(bias, 1, "bias")
            same_dim(bias.shape[0], w.shape[1], "the size of bias and the columns of w")
        return x.with_shape((*x.shape[:-1], w.shape[1]))

    def evaluate(self, x: Array, w: Array, bias: Array | None = None) -> Array:
        def run(x: Array, w: Array, *bias: Array) -> Array:
            return apply_activation(self.activation, sum(bias, start=times(x, w)))

        return compute(run, x, w, *([] if bias is None else [bias]))


def _swap(shape: Shape, transpose: bool) -> Shape:
    return shape[::-1] if transpose else shape
