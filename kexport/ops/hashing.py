"""The hash functions of text that TensorFlow has: FarmHash64's fingerprint, and SipHash64."""

from __future__ import annotations

from collections.abc import Sequence

_BITS = (1 << 64) - 1
K0 = 0xC3A5C85C97CB3127
K1 = 0xB492B66FBE98F273
K2 = 0x9AE16A3B2F90404F
_BLOCK = 64
SIP_ROUND = ((0, 1, 13, True), (2, 3, 16, False), (0, 3, 21, False), (2, 1, 17, True))
"""A round of SipHash: v[a] += v[b]; v[b] is rotated left and xored with v[a]; v[a] may be rotated by half its bits."""


def farm_hash(data: bytes) -> int:
    """The 64-bit fingerprint. Source: google/farmhash, farmhashna::Hash64."""
    size = len(data)
    if size <= 16:
        return _up_to_16(data)
    mul = K2 + size * 2
    if size <= 32:
        return _pair_hash(*_ends(data, K1, mul), mul)
    if size <= _BLOCK:
        return _up_to_64(data, mul)
    return _long(data)


def sip_hash(data: bytes, key: Sequence[int]) -> int:
    """SipHash-2-4 with a key of two 64-bit numbers. Source: Aumasson and Bernstein, SipHash, 2012."""
    v = sip_state(key)
    padded = data + bytes(-(len(data) + 1) % 8) + bytes([len(data) & 0xFF])
    for i in range(0, len(padded), 8):
        word = _word(padded, i)
        v[3] ^= word
        _sip_rounds(v, 2)
        v[0] ^= word
    v[2] ^= 0xFF
    _sip_rounds(v, 4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def sip_state(key: Sequence[int]) -> list[int]:
    """The four numbers that SipHash begins with."""
    k0, k1 = (k & _BITS for k in key)
    return [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]


def _sip_rounds(v: list[int], count: int) -> None:
    for _ in range(count):
        for a, b, turn, half in SIP_ROUND:
            v[a] = (v[a] + v[b]) & _BITS
            v[b] = _left(v[b], turn) ^ v[a]
            if half:
                v[a] = _left(v[a], 32)


def _up_to_16(data: bytes) -> int:
    size = len(data)
    if size >= 8:
        mul = K2 + size * 2
        a = _word(data, 0) + K2
        b = _word(data, size - 8)
        return _pair_hash(_right(b, 37) * mul + a, (_right(a, 25) + b) * mul, mul)
    if size >= 4:
        return _pair_hash(size + (_word(data, 0, 4) << 3), _word(data, size - 4, 4), K2 + size * 2)
    if size:
        y = data[0] + (data[size >> 1] << 8)
        z = size + (data[-1] << 2)
        return _shift_mix(y * K2 ^ z * K0) * K2 & _BITS
    return K2


def _ends(data: bytes, first: int, mul: int) -> tuple[int, int]:
    """Two numbers from the first and the last 16 bytes."""
    a = _word(data, 0) * first
    b = _word(data, 8)
    c = _word(data, len(data) - 8) * mul
    d = _word(data, len(data) - 16) * K2
    return _right(a + b, 43) + _right(c, 30) + d, a + _right(b + K2, 18) + c


def _up_to_64(data: bytes, mul: int) -> int:
    size = len(data)
    y, other = _ends(data, K2, mul)
    z = _pair_hash(y, other, mul)
    e = _word(data, 16) * mul
    f = _word(data, 24)
    g = (y + _word(data, size - 32)) * mul
    h = (z + _word(data, size - 24)) * mul
    a = _word(data, 0) * K2
    return _pair_hash(_right(e + f, 43) + _right(g, 30) + h, e + _right(f + a, 18) + g, mul)


def _long(data: bytes) -> int:
    y = 81 * K1 + 113
    state = (81 * K2 + _word(data, 0), y, _shift_mix(y * K2 + 113) * K2, (0, 0), (0, 0))
    last = (len(data) - 1) // _BLOCK * _BLOCK
    for start in range(0, last, _BLOCK):
        state = _stir(data, start, state, K1, 1)
    x, y, z, v, w = state
    rest = (len(data) - 1) % _BLOCK
    mul = K1 + ((z & 0xFF) << 1)
    w0 = w[0] + rest
    v = v[0] + w0, v[1]
    x, y, z, v, w = _stir(data, last + rest - 63, (x, y, z, v, (w0 + v[0], w[1])), mul, 9)
    first = _pair_hash(v[0], w[0], mul) + _shift_mix(y) * K0 + z
    return _pair_hash(first, _pair_hash(v[1], w[1], mul) + x, mul)


State = tuple[int, int, int, tuple[int, int], tuple[int, int]]


def _stir(data: bytes, at: int, state: State, mul: int, weight: int) -> State:
    """Work 64 bytes into the state."""
    x, y, z, v, w = state
    x = _right(x + y + v[0] + _word(data, at + 8), 37) * mul
    y = _right(y + v[1] + _word(data, at + 48), 42) * mul
    x = (x ^ w[1] * weight) & _BITS
    y += v[0] * weight + _word(data, at + 40)
    z = _right(z + w[0], 33) * mul & _BITS
    v = _quarter(data, at, v[1] * mul, x + w[0])
    w = _quarter(data, at + 32, z + w[1], y + _word(data, at + 16))
    return z, y & _BITS, x, v, w


def _quarter(data: bytes, at: int, a: int, b: int) -> tuple[int, int]:
    """Two numbers from 32 bytes and two numbers."""
    w, x, y, z = (_word(data, at + i) for i in (0, 8, 16, 24))
    a += w
    b = _right(b + a + z, 21)
    c = a
    a += x + y
    b += _right(a, 44)
    return (a + z) & _BITS, (b + c) & _BITS


def _pair_hash(u: int, v: int, mul: int) -> int:
    a = _shift_mix((u ^ v) * mul)
    b = _shift_mix((v ^ a) * mul)
    return b * mul & _BITS


def _shift_mix(value: int) -> int:
    value &= _BITS
    return value ^ value >> 47


def _word(data: bytes, at: int, size: int = 8) -> int:
    return int.from_bytes(data[at : at + size], "little")


def _right(value: int, turn: int) -> int:
    """Rotated to the right."""
    value &= _BITS
    return (value >> turn | value << 64 - turn) & _BITS


def _left(value: int, turn: int) -> int:
    return _right(value, 64 - turn)
