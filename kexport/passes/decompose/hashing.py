"""FarmHash64 and SipHash64 of the decimal text of integers, in arithmetic that is exact in float32.

Sources: google/farmhash, farmhashna::Hash64; Aumasson and Bernstein, SipHash, 2012.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kexport import ops
from kexport.ir.dim import product
from kexport.ir.graph import Node, Value
from kexport.ir.types import DType
from kexport.ops.hashing import K0, K1, K2, SIP_ROUND, sip_state
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.decimal import DIGITS, Decimal
from kexport.rewrite.term import Term
from kexport.rewrite.wide import BYTES, Wide, product_matrix

_LONG = (DType.I64, DType.U64, DType.U32)


@rule(ops.HashNumber)
def hash_number(op: ops.HashNumber, node: Node, rewriter: Rewriter) -> Value:
    """FarmHash64 hashes text of up to 16 and of up to 32 bytes in different ways."""
    return _hashed(node, rewriter, node.inputs[0])


@rule(ops.HashNumber)
def hash_narrow_number(op: ops.HashNumber, node: Node, rewriter: Rewriter) -> Value:
    """The same for targets whose widest integers have 32 bits."""
    x = node.inputs[0]
    return _hashed(node, rewriter, rewriter.add(ops.Cast(DType.I32), x) if x.type.dtype in _LONG else x)


def _hashed(node: Node, rewriter: Rewriter, x: Value) -> Value:
    op: Any = node.op
    flat = Term(rewriter, x).of(ops.Reshape((product(x.type.shape),)))
    if flat.type.dtype not in DIGITS:
        flat = flat.cast(DType.I64 if flat.type.dtype is DType.U32 else DType.I32)
    text = Decimal(flat)
    if op.key:
        found = _keyed(text, op.key)
    else:
        found = _short(text) if text.width <= 16 else _by_length(text, 16, _middle(text), _short(text))
    return found.modulo(op.buckets).cast(DType.I64).of(ops.Reshape(x.type.shape)).value


def _short(text: Decimal) -> Wide:
    """The hash of text of up to 16 bytes."""
    matrix = _multiplier(text)
    constant = text.rewriter
    b = text.last(BYTES)
    a = text.first(0) + Wide.constant(constant, K2)
    long = [b.rotated(37).times(matrix) + a, (a.rotated(25) + b).times(matrix)]
    four = text.first(0).term * _mask(text, [8] * 4) + text.length * _mask(text, [1])
    some = [Wide.carried(four), text.last(4, size=4)]
    u, v = (_by_length(text, 7, x, y) for x, y in zip(long, some, strict=True))
    return _by_length(text, 3, _pair(u, v, matrix), _tiny(text))


def _tiny(text: Decimal) -> Wide:
    """The hash of text of up to 3 bytes."""
    first = text.byte(text.length * 0)
    middle = text.byte(text.length.of(ops.FloorDiv(), 2))
    end = text.byte(text.length - 1)
    y = Wide(first * _mask(text, [1]) + middle * _mask(text, [0, 1]))
    z = Wide.carried((text.length + end * 4) * _mask(text, [1]))
    k0, k2 = (_matrix(text.rewriter, k) for k in (K0, K2))
    mixed = y.times(k2) ^ z.times(k0)
    return (mixed ^ mixed.right(47)).times(k2)


def _middle(text: Decimal) -> Wide:
    """The hash of text of 17 to 32 bytes."""
    matrix = _multiplier(text)
    k2 = Wide.constant(text.rewriter, K2)
    a = text.first(0).times(_matrix(text.rewriter, K1))
    b = text.first(8)
    c = text.last(8).times(matrix)
    d = text.last(16).times(_matrix(text.rewriter, K2))
    return _pair((a + b).rotated(43) + c.rotated(30) + d, a + (b + k2).rotated(18) + c, matrix)


def _keyed(text: Decimal, key: tuple[int, ...]) -> Wide:
    """SipHash-2-4: eight bytes a turn, the last ones with the length on top; then four rounds more."""
    nothing = Term(text.rewriter, text.rewriter.add(ops.Full((text.length.type.shape[0], BYTES), 0, DType.I32)))
    state = [Wide(nothing + Wide.constant(text.rewriter, v).term) for v in sip_state(key)]
    for turn in range(text.width // BYTES + 1):
        is_last = text.length.of(ops.FloorDiv(), BYTES).of(ops.Equal(), turn).cast(DType.I32)
        word = Wide(text.first(turn * BYTES).term + text.length * is_last * _mask(text, [0] * 7 + [1]))
        after = _sip_rounds([*state[:3], state[3] ^ word], 2)
        after[0] = after[0] ^ word
        state = (
            [_by_length(text, turn * BYTES - 1, new, old) for new, old in zip(after, state, strict=True)]
            if turn
            else after
        )
    state[2] = state[2] ^ Wide.constant(text.rewriter, 0xFF)
    a, b, c, d = _sip_rounds(state, 4)
    return (a ^ b) ^ (c ^ d)


def _sip_rounds(state: list[Wide], count: int) -> list[Wide]:
    v = list(state)
    for _ in range(count):
        for a, b, turn, half in SIP_ROUND:
            v[a] = v[a] + v[b]
            v[b] = v[b].rotated(64 - turn) ^ v[a]
            if half:
                v[a] = v[a].rotated(32)
    return v


def _pair(u: Wide, v: Wide, matrix: Term) -> Wide:
    a = (u ^ v).times(matrix)
    a = a ^ a.right(47)
    b = (v ^ a).times(matrix)
    return (b ^ b.right(47)).times(matrix)


def _multiplier(text: Decimal) -> Term:
    """What the hash multiplies by, k2 + 2 * length: a matrix for each."""
    table = np.stack([product_matrix(K2 + 2 * size) for size in range(text.width + 1)])
    rewriter = text.rewriter
    length = text.length.of(ops.Reshape((text.length.type.shape[0],)))
    return Term(rewriter, rewriter.add(ops.Gather(0), rewriter.constant(table), length.value))


def _matrix(rewriter: Rewriter, number: int) -> Term:
    return Term(rewriter, rewriter.constant(product_matrix(number)))


def _mask(text: Decimal, weights: list[int]) -> Term:
    padded = np.zeros(BYTES, np.int32)
    padded[: len(weights)] = weights
    return Term(text.rewriter, text.rewriter.constant(padded))


def _by_length(text: Decimal, most: int, longer: Wide, shorter: Wide) -> Wide:
    """Select by whether the text is longer than a number of bytes."""
    return Wide((text.length > most).select(longer.term, shorter.term))


RULES = (hash_number,)
