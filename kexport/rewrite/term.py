"""Builds nodes from arithmetic expressions: `x * (1 + x.of(ops.Erf()))`."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from kexport import ops
from kexport.ir.graph import Value
from kexport.ir.op import Op
from kexport.ir.types import DType, TensorType
from kexport.rewrite.rule import Rewriter


class Term:
    """A value whose operators insert nodes. Plain numbers become scalars of its element type."""

    def __init__(self, rewriter: Rewriter, value: Value):
        self.rewriter = rewriter
        self.value = value

    @property
    def type(self) -> TensorType:
        return self.value.type

    def of(self, op: Op, *others: Number) -> Term:
        """Apply `op` to this and the other operands."""
        return Term(self.rewriter, self.rewriter.add(op, self.value, *(self.lift(o).value for o in others)))

    def lift(self, number: Number) -> Term:
        """Make a number a scalar of this term's element type; return a term as it is."""
        if isinstance(number, Term):
            return number
        return Term(self.rewriter, self.rewriter.constant(np.asarray(number, self.type.dtype.numpy)))

    def zeros(self) -> Term:
        """Zeros of the type of this term."""
        return Term(self.rewriter, self.rewriter.add(ops.Full(self.type.shape, 0, self.type.dtype)))

    def cast(self, dtype: DType) -> Term:
        """Cast this term to another element type."""
        return self if self.type.dtype == dtype else self.of(ops.Cast(dtype))

    def max(self, other: Number) -> Term:
        return self.of(ops.Maximum(), other)

    def min(self, other: Number) -> Term:
        return self.of(ops.Minimum(), other)

    def select(self, a: Term, b: Term) -> Term:
        """Select a where this boolean is true, else b."""
        return self.of(ops.Select(), a, b)

    def __add__(self, other: Number) -> Term:
        return self.of(ops.Add(), other)

    def __sub__(self, other: Number) -> Term:
        return self.of(ops.Sub(), other)

    def __mul__(self, other: Number) -> Term:
        return self.of(ops.Mul(), other)

    def __truediv__(self, other: Number) -> Term:
        return self.of(ops.Div(), other)

    def __radd__(self, other: float) -> Term:
        return self.of(ops.Add(), other)

    def __rmul__(self, other: float) -> Term:
        return self.of(ops.Mul(), other)

    def __rsub__(self, other: float) -> Term:
        return self.lift(other).of(ops.Sub(), self)

    def __rtruediv__(self, other: float) -> Term:
        return self.lift(other).of(ops.Div(), self)

    def __neg__(self) -> Term:
        return self.of(ops.Neg())

    def __abs__(self) -> Term:
        return self.of(ops.Abs())

    def __lt__(self, other: Number) -> Term:
        return self.of(ops.Less(), other)

    def __gt__(self, other: Number) -> Term:
        return self.of(ops.Greater(), other)


Number: TypeAlias = Term | float
"""The other operand of an operator."""
