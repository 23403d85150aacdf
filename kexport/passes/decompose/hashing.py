"""FarmHash64 of the decimal text of integers, in 32-bit arithmetic. Source: google/farmhash, farmhashna::Hash64."""

from __future__ import annotations

from typing import Any

import numpy as np

from kexport import ops
from kexport.ir.dim import product
from kexport.ir.graph import Node, Value
from kexport.ir.types import DType
from kexport.ops.hashing import K0, K1, K2
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.term import Term
from kexport.rewrite.wide import BYTES, Wide, product_matrix

_DIGITS = {DType.I32: 10, DType.I64: 19, DType.U64: 20}
_LONG = (DType.I64, DType.U64, DType.U32)
_ZERO, _MINUS = ord("0"), ord("-")


@rule(ops.HashNumber)
def hash_number(node: Node, rewriter: Rewriter) -> Value:
    """Text of up to 16 and of up to 32 bytes is hashed in two ways."""
    return _hashed(node, rewriter, node.inputs[0])


@rule(ops.HashNumber)
def hash_narrow_number(node: Node, rewriter: Rewriter) -> Value:
    """The same for targets whose widest integers have 32 bits."""
    x = node.inputs[0]
    return _hashed(node, rewriter, rewriter.add(ops.Cast(DType.I32), x) if x.type.dtype in _LONG else x)


def _hashed(node: Node, rewriter: Rewriter, x: Value) -> Value:
    op: Any = node.op
    flat = Term(rewriter, x).of(ops.Reshape((product(x.type.shape),)))
    if flat.type.dtype not in _DIGITS:
        flat = flat.cast(DType.I64 if flat.type.dtype is DType.U32 else DType.I32)
    text = _Text(flat)
    found = _short(text) if text.width <= 16 else _by_length(text, 16, _middle(text), _short(text))
    return found.modulo(op.buckets).cast(DType.I64).of(ops.Reshape(x.type.shape)).value


class _Text:
    """The decimal text of numbers [n]: `codes` i32[n, width] with the last character at the end, `length` i32[n, 1]."""

    def __init__(self, x: Term):
        digits, negative, count = _digits(x)
        self.rewriter, self.width = x.rewriter, int(digits.type.shape[1]) + 1  # type: ignore[arg-type]
        self.length = count + negative
        places = self._constant(np.arange(self.width))
        blank = Term(x.rewriter, x.rewriter.add(ops.Full((x.type.shape[0], 1), 0, DType.I32)))
        right = blank.of(ops.Concat(1), digits) + _ZERO
        is_digit = (self.width - 1 - count) < places
        self.codes = is_digit.select(right, self._constant(_MINUS))

    def first(self, at: int) -> Wide:
        """Eight bytes from a place counted from the start; zeros after the end."""
        return Wide(self._from_start(np.arange(BYTES) + at))

    def last(self, back: int, size: int = BYTES) -> Wide:
        """So many bytes from a place counted from the end."""
        start = self.width - back
        part = self.codes.of(ops.Slice((0, start), (self.codes.type.shape[0], start + size), (1, 1)))
        if size == BYTES:
            return Wide(part)
        zeros = self.rewriter.add(ops.Full((self.codes.type.shape[0], BYTES - size), 0, DType.I32))
        return Wide(part.of(ops.Concat(1), Term(self.rewriter, zeros)))

    def byte(self, at: Term) -> Term:
        """The byte, i32[n, 1], at a place i32[n, 1] counted from the start."""
        return self._taken(at)

    def _from_start(self, places: Any) -> Term:
        return self._taken(self._constant(places.reshape(1, -1)))

    def _taken(self, places: Term) -> Term:
        """Bytes [n, k] at places [n, k] or [1, k] counted from the start."""
        wanted = places - self.length + self.width
        wanted = wanted.of(ops.Reshape((*wanted.type.shape, 1)))
        here = wanted.of(ops.Equal(), self._constant(np.arange(self.width))).cast(DType.I32)
        codes = self.codes.of(ops.Reshape((self.codes.type.shape[0], 1, self.width)))
        return (here * codes).of(ops.ReduceSum((2,)))

    def _constant(self, values: Any) -> Term:
        return Term(self.rewriter, self.rewriter.constant(np.asarray(values, np.int32)))


def _digits(x: Term) -> tuple[Term, Term, Term]:
    """Digits i32[n, size], whether negative and how many digits count, i32[n, 1].

    Not all engines divide large numbers right: each digit is how many multiples of a power of ten fit.
    """
    dtype, size = x.type.dtype, _DIGITS[x.type.dtype]
    x = x.of(ops.Reshape((x.type.shape[0], 1)))
    least, rest = np.iinfo(dtype.numpy).min, x
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
    """How many digits count: from the first that is not zero, at least one."""
    size = int(digits.type.shape[1])  # type: ignore[arg-type]
    lengths = Term(digits.rewriter, digits.rewriter.constant(np.arange(size, 0, -1, dtype=np.int32)))
    return ((digits > 0).cast(DType.I32) * lengths).of(ops.ReduceMax((1,), keepdims=True)).max(1)


def _short(text: _Text) -> Wide:
    """The hash of text of up to 16 bytes."""
    matrix, constant = _multiplier(text), text.rewriter
    b = text.last(BYTES)
    a = text.first(0) + Wide.constant(constant, K2)
    long = [b.rotated(37).times(matrix) + a, (a.rotated(25) + b).times(matrix)]
    four = text.first(0).term * _mask(text, [8] * 4) + text.length * _mask(text, [1])
    some = [Wide.carried(four), text.last(4, size=4)]
    u, v = (_by_length(text, 7, x, y) for x, y in zip(long, some, strict=True))
    return _by_length(text, 3, _pair(u, v, matrix), _tiny(text))


def _tiny(text: _Text) -> Wide:
    """The hash of text of up to 3 bytes."""
    first, middle = text.byte(text.length * 0), text.byte(text.length.of(ops.FloorDiv(), 2))
    end = text.byte(text.length - 1)
    y = Wide(first * _mask(text, [1]) + middle * _mask(text, [0, 1]))
    z = Wide.carried((text.length + end * 4) * _mask(text, [1]))
    k0, k2 = (_matrix(text.rewriter, k) for k in (K0, K2))
    mixed = y.times(k2) ^ z.times(k0)
    return (mixed ^ mixed.right(47)).times(k2)


def _middle(text: _Text) -> Wide:
    """The hash of text of 17 to 32 bytes."""
    matrix, k2 = _multiplier(text), Wide.constant(text.rewriter, K2)
    a, b = text.first(0).times(_matrix(text.rewriter, K1)), text.first(8)
    c, d = text.last(8).times(matrix), text.last(16).times(_matrix(text.rewriter, K2))
    return _pair((a + b).rotated(43) + c.rotated(30) + d, a + (b + k2).rotated(18) + c, matrix)


def _pair(u: Wide, v: Wide, matrix: Term) -> Wide:
    a = (u ^ v).times(matrix)
    a = a ^ a.right(47)
    b = (v ^ a).times(matrix)
    return (b ^ b.right(47)).times(matrix)


def _multiplier(text: _Text) -> Term:
    """What the hash multiplies by, k2 + 2 * length: a matrix for each."""
    table = np.stack([product_matrix(K2 + 2 * size) for size in range(text.width + 1)])
    rewriter = text.rewriter
    length = text.length.of(ops.Reshape((text.length.type.shape[0],)))
    return Term(rewriter, rewriter.add(ops.Gather(0), rewriter.constant(table), length.value))


def _matrix(rewriter: Rewriter, number: int) -> Term:
    return Term(rewriter, rewriter.constant(product_matrix(number)))


def _mask(text: _Text, weights: list[int]) -> Term:
    padded = np.zeros(BYTES, np.int32)
    padded[: len(weights)] = weights
    return Term(text.rewriter, text.rewriter.constant(padded))


def _by_length(text: _Text, most: int, longer: Wide, shorter: Wide) -> Wide:
    """Where the text has more than so many bytes the one, else the other."""
    return Wide((text.length > most).select(longer.term, shorter.term))


RULES = (hash_number,)
