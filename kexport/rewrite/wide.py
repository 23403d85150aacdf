"""Computes with 64-bit numbers as eight bytes along the last axis of an int32 tensor, least significant first.

No intermediate result reaches 2**24, so that engines that compute integers in float32 are exact too.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kexport import ops
from kexport.ir.types import DType
from kexport.rewrite.rule import Rewriter
from kexport.rewrite.term import Term

BYTES = 8
_BASE = 256


class Wide:
    """Numbers modulo 2**64: a term i32[n, 8], or i32[8] for a constant. Every operator gives bytes from 0 to 255."""

    def __init__(self, term: Term):
        self.term = term

    @staticmethod
    def constant(rewriter: Rewriter, number: int) -> Wide:
        """Make a constant number."""
        return Wide(Term(rewriter, rewriter.constant(_bytes(number))))

    @staticmethod
    def carried(digits: Term) -> Wide:
        """Carry the bytes of i32[n, 8], each from 0 to less than 2**23, into a number."""
        columns = _columns(digits)
        for i in range(1, BYTES):
            columns[i] = columns[i] + _floor_div(columns[i - 1], _BASE)
        return Wide(_mod(columns[0].of(ops.Concat(1), *columns[1:]), _BASE))

    def __add__(self, other: Wide) -> Wide:
        return Wide.carried(self.term + other.term)

    def times(self, matrix: Term) -> Wide:
        """Multiply by a number given as its `product_matrix`, i32[8, 8], or one per row, i32[n, 8, 8]."""
        rows = self.term.of(ops.Reshape((self.term.type.shape[0], 1, BYTES)))
        return Wide.carried((rows * matrix).of(ops.ReduceSum((2,))))

    def __xor__(self, other: Wide) -> Wide:
        table = np.bitwise_xor.outer(np.arange(16), np.arange(16)).astype(np.int32).reshape(-1)
        rewriter = self.term.rewriter
        low, high = (
            Term(rewriter, rewriter.add(ops.Gather(0), rewriter.constant(table), (a * 16 + b).value))
            for a, b in zip(_nibbles(self.term), _nibbles(other.term), strict=True)
        )
        return Wide(low + high * 16)

    def right(self, bits: int) -> Wide:
        """Shift to the right, filling with zeros."""
        return Wide(self._moved(bits, [i if i < BYTES else -1 for i in range(2 * BYTES + 1)]))

    def rotated(self, bits: int) -> Wide:
        """Rotate to the right."""
        return Wide(self._moved(bits, [i % BYTES for i in range(2 * BYTES + 1)]))

    def modulo(self, number: int) -> Term:
        """Return the remainder, i32[n, 1], of division by a number up to 2**20."""
        base = _BASE
        columns = _columns(self.term)
        if number > _BASE**2:
            base = 16
            columns = [half for column in columns for half in _nibbles(column)]
        rest, *others = [_mod(column, number) for column in reversed(columns)]
        for column in others:
            rest = _mod(rest * base + column, number)
        return rest

    def _moved(self, bits: int, places: Sequence[int]) -> Term:
        """Bytes from the places, which are where each byte and those above it come from; -1 for none."""
        whole, part = divmod(bits, 8)
        low = self._taken(places[whole : whole + BYTES])
        if not part:
            return low
        high = self._taken(places[whole + 1 : whole + 1 + BYTES])
        return _floor_div(low, 1 << part) + _mod(high, 1 << part) * (1 << (8 - part))

    def _taken(self, places: Sequence[int]) -> Term:
        rewriter = self.term.rewriter
        count = self.term.type.shape[0]
        padded = self.term
        if -1 in places:
            zeros = Term(rewriter, rewriter.add(ops.Full((count, 1), 0, DType.I32)))
            padded = self.term.of(ops.Concat(1), zeros)
        index = rewriter.constant(np.array([p % padded.type.shape[1] for p in places], np.int32))  # type: ignore[operator]
        return Term(rewriter, rewriter.add(ops.Gather(1), padded.value, index))


def product_matrix(number: int) -> np.ndarray[tuple[int, int], np.dtype[np.int32]]:
    """Return the matrix that multiplies bytes by a number: row k sums the contributions to byte k."""
    digits = _bytes(number)
    matrix = np.zeros((BYTES, BYTES), np.int32)
    for row in range(BYTES):
        matrix[row, : row + 1] = digits[row::-1]
    return matrix


def _bytes(number: int) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    return np.frombuffer((number % (1 << 64)).to_bytes(BYTES, "little"), np.uint8).astype(np.int32)


def _nibbles(x: Term) -> tuple[Term, Term]:
    return _mod(x, 16), _floor_div(x, 16)


def _mod(x: Term, number: int) -> Term:
    return x.of(ops.Mod(), number)


def _floor_div(x: Term, number: int) -> Term:
    return x.of(ops.FloorDiv(), number)


def _columns(x: Term) -> list[Term]:
    """Split x i32[n, 8] into its bytes, each i32[n, 1]."""
    return [Term(x.rewriter, v) for v in x.rewriter.add_all(ops.Split(1, (1,) * BYTES), x.value)]
