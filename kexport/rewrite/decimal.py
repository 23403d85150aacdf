"""Writes integers as decimal text by arithmetic, character by character."""

from __future__ import annotations

from typing import Any

import numpy as np

from kexport import ops
from kexport.ir.types import DType
from kexport.rewrite.term import Term
from kexport.rewrite.wide import BYTES, Wide

DIGITS = {DType.I32: 10, DType.I64: 19, DType.U64: 20}
"""The most digits of a number."""
_ZERO = ord("0")
_MINUS = ord("-")


class Decimal:
    """The decimal text of numbers [n]: `codes` i32[n, width] with the last character at the end, `length` i32[n, 1]."""

    def __init__(self, x: Term):
        digits, negative, count = _digits(x)
        self.rewriter = x.rewriter
        self.width = int(digits.type.shape[1]) + 1  # type: ignore[arg-type]
        self.length = count + negative
        places = self._constant(np.arange(self.width))
        blank = Term(x.rewriter, x.rewriter.add(ops.Full((x.type.shape[0], 1), 0, DType.I32)))
        right = blank.of(ops.Concat(1), digits) + _ZERO
        is_digit = (self.width - 1 - count) < places
        self.codes = is_digit.select(right, self._constant(_MINUS))

    def first(self, at: int) -> Wide:
        """Return eight bytes from a position counted from the start; zeros after the end."""
        return Wide(self._from_start(np.arange(BYTES) + at))

    def last(self, back: int, size: int = BYTES) -> Wide:
        """Return `count` bytes from a position counted from the end."""
        start = self.width - back
        part = self.codes.of(ops.Slice((0, start), (self.codes.type.shape[0], start + size), (1, 1)))
        if size == BYTES:
            return Wide(part)
        zeros = self.rewriter.add(ops.Full((self.codes.type.shape[0], BYTES - size), 0, DType.I32))
        return Wide(part.of(ops.Concat(1), Term(self.rewriter, zeros)))

    def byte(self, at: Term) -> Term:
        """Return the byte, i32[n, 1], at a position i32[n, 1] counted from the start."""
        return self._taken(at)

    def _from_start(self, places: Any) -> Term:
        return self._taken(self._constant(places.reshape(1, -1)))

    def _taken(self, places: Term) -> Term:
        """Return bytes [n, k] at positions [n, k] or [1, k] counted from the start."""
        wanted = places - self.length + self.width
        wanted = wanted.of(ops.Reshape((*wanted.type.shape, 1)))
        here = wanted.of(ops.Equal(), self._constant(np.arange(self.width))).cast(DType.I32)
        codes = self.codes.of(ops.Reshape((self.codes.type.shape[0], 1, self.width)))
        return (here * codes).of(ops.ReduceSum((2,)))

    def _constant(self, values: Any) -> Term:
        return Term(self.rewriter, self.rewriter.constant(np.asarray(values, np.int32)))


def _digits(x: Term) -> tuple[Term, Term, Term]:
    """Return digits i32[n, size], the sign, and the number of significant digits i32[n, 1].

    Not all engines divide large numbers exactly, so each digit counts how many multiples of a power of ten fit.
    """
    dtype = x.type.dtype
    size = DIGITS[x.type.dtype]
    x = x.of(ops.Reshape((x.type.shape[0], 1)))
    least = np.iinfo(dtype.numpy).min
    rest = x
    if least:
        rest = x.max(least + 1)
        rest = rest.max(0 - rest)
    columns: list[Term] = []
    for power in reversed(range(size)):
        multiples = [d * 10**power for d in range(1, 10) if d * 10**power <= np.iinfo(dtype.numpy).max]
        known = Term(x.rewriter, x.rewriter.constant(np.array(multiples, dtype.numpy)))
        fits = rest.of(ops.GreaterEqual(), known).cast(DType.I32)
        columns.append(fits.of(ops.ReduceSum((1,), keepdims=True)))
        rest = rest - columns[-1].cast(dtype) * (10**power)
    digits = columns[0].of(ops.Concat(1), *columns[1:])
    if not least:
        return digits, (digits * 0).of(ops.ReduceSum((1,), keepdims=True)), _count(digits)
    is_least = x.of(ops.Equal(), least).cast(DType.I32)
    digits = digits + is_least * Term(x.rewriter, x.rewriter.constant(np.eye(1, size, size - 1, dtype=np.int32)))
    return digits, (x < 0).cast(DType.I32), _count(digits)


def _count(digits: Term) -> Term:
    """Count the significant digits: from the first nonzero one, at least one."""
    size = int(digits.type.shape[1])  # type: ignore[arg-type]
    lengths = Term(digits.rewriter, digits.rewriter.constant(np.arange(size, 0, -1, dtype=np.int32)))
    return ((digits > 0).cast(DType.I32) * lengths).of(ops.ReduceMax((1,), keepdims=True)).max(1)
