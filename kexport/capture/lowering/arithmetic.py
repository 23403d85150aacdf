"""Arithmetic: tensors with operators, for formulas of several steps."""

from __future__ import annotations

from typing import Any

from kexport import ops
from kexport.capture.lowering.context import Context
from kexport.ir.graph import Value
from kexport.ir.op import Op


class Arithmetic:
    """Scalars and tensors of one element type, with operators."""

    def __init__(self, ctx: Context, value: Value):
        self.ctx = ctx
        self.value = value

    def apply(self, op: Op, *others: Any) -> Arithmetic:
        """An op on this and others; numbers become scalars."""
        operands = [o.value if isinstance(o, Arithmetic) else self.ctx.number(o, self.value) for o in others]
        return Arithmetic(self.ctx, self.ctx.emit(op, self.value, *operands))

    def __add__(self, other: Any) -> Arithmetic:
        return self.apply(ops.Add(), other)

    def __sub__(self, other: Any) -> Arithmetic:
        return self.apply(ops.Sub(), other)

    def __mul__(self, other: Any) -> Arithmetic:
        return self.apply(ops.Mul(), other)

    def __truediv__(self, other: Any) -> Arithmetic:
        return self.apply(ops.Div(), other)

    def __neg__(self) -> Arithmetic:
        return self.apply(ops.Neg())

    def __lt__(self, other: Any) -> Arithmetic:
        return self.apply(ops.Less(), other)

    def __gt__(self, other: Any) -> Arithmetic:
        return self.apply(ops.Greater(), other)

    def __ge__(self, other: Any) -> Arithmetic:
        return self.apply(ops.GreaterEqual(), other)

    def __and__(self, other: Arithmetic) -> Arithmetic:
        return self.apply(ops.LogicalAnd(), other)

    def equals(self, other: Any) -> Arithmetic:
        """Where this is `other`."""
        return self.apply(ops.Equal(), other)

    def select(self, yes: Any, no: Any) -> Arithmetic:
        """`yes` where this is true, else `no`."""
        like = yes if isinstance(yes, Arithmetic) else no
        a, b = (v.value if isinstance(v, Arithmetic) else self.ctx.number(v, like.value) for v in (yes, no))
        return Arithmetic(self.ctx, self.ctx.emit(ops.Select(), self.value, a, b))

    def polynomial(self, coefficients: Any) -> Arithmetic:
        """c[0] x^n + … + c[n] by Horner's rule."""
        first, second, *rest = coefficients
        result = self * first + second
        for c in rest:
            result = result * self + c
        return result
