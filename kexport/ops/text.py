"""Text: object arrays of `str`. What splits text pads with empty text, which is never a token."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from kexport.errors import GraphError
from kexport.ir.dim import Dim
from kexport.ir.op import Array, Op, having
from kexport.ir.traits import POSITIVE, Keeps, Text, Traits, Work
from kexport.ir.types import DType, TensorType
from kexport.ops import check
from kexport.ops.broadcast import broadcast
from kexport.ops.hashing import farm_hash, sip_hash

SPACES = " \t\n\v\f\r"
"""What separates words. Source: isspace() in the C locale, which TensorFlow's `strings.split` asks."""
MOST_BUCKETS = 1 << 20
"""So many buckets can be computed in 24 bits, a digit of the hash at a time."""
_UPPER = {c: c + 32 for c in range(ord("A"), ord("Z") + 1)}
_LOWER = {lower: upper for upper, lower in _UPPER.items()}


@dataclass(frozen=True)
class ChangeCase(Op):
    """Text with its letters from A to Z in lower case, or in upper case; all other letters stay."""

    traits = Traits(Work.EXACT, text=Text.ONLY)
    upper: bool = False

    def infer(self, x: TensorType) -> TensorType:
        check.kind("text", x)
        return x

    def evaluate(self, x: Array) -> Array:
        table = _LOWER if self.upper else _UPPER
        return _each(lambda t: t.translate(table), x)


@dataclass(frozen=True)
class ReplaceText(Op):
    """Text with every occurrence of one of `texts` replaced; read from left to right, the first that fits counts."""

    traits = Traits(Work.EXACT, text=Text.ONLY)
    texts: tuple[str, ...]
    replacement: str = ""

    def infer(self, x: TensorType) -> TensorType:
        check.kind("text", x)
        if not self.texts or not all(self.texts):
            raise GraphError(f"texts to replace must not be empty, got {list(self.texts)}")
        return x

    def evaluate(self, x: Array) -> Array:
        pattern = re.compile("|".join(map(re.escape, self.texts)))
        return _each(lambda t: pattern.sub(lambda _: self.replacement, t), x)


@dataclass(frozen=True)
class SplitText(Op):
    """The words of text, or its characters (code points), along a new last axis; padded with empty text, or cut.

    A length that is a symbol which no input has is the greatest number of parts that an element of x has.
    """

    traits = Traits(Work.EXACT, text=Text.ONLY)
    length: Dim
    unit: str = "word"

    def infer(self, x: TensorType) -> TensorType:
        check.kind("text", x)
        check.one_of(self.unit, tuple(_PARTS), "unit")
        check.at_least(0, (self.length,), "length")
        return x.with_shape((*x.shape, self.length))

    def evaluate(self, x: Array) -> Array:
        parts = [_PARTS[self.unit](t) for t in x.reshape(-1)]
        longest = self.length if isinstance(self.length, int) else max(map(len, parts), default=0)
        result = np.full((len(parts), longest), "", object)
        for row, found in zip(result, parts, strict=True):
            row[: len(found)] = found[:longest]
        return result.reshape(*x.shape, longest)


@dataclass(frozen=True)
class JoinText(Op):
    """The text of a, then that of b; both are broadcast as in numpy."""

    traits = Traits(Work.EXACT, text=Text.ONLY)

    def infer(self, a: TensorType, b: TensorType) -> TensorType:
        check.kind("text", a, b)
        return broadcast(a, b)

    def evaluate(self, a: Array, b: Array) -> Array:
        return np.asarray(a + b, object)


@dataclass(frozen=True)
class Lookup(Op):
    """values[i] where x equals keys[i], the default where it equals none; keys [n] are distinct, the default is []."""

    traits = Traits(Work.MOVES, Keeps.VALUES, data=(2, 3), text=Text.ONLY)

    def infer(self, x: TensorType, keys: TensorType, values: TensorType, default: TensorType) -> TensorType:
        check.kind("text", x, keys)
        check.same_dtype(values, default)
        if default.rank or keys.rank != 1 or keys.shape != values.shape:
            raise GraphError(f"needs keys and values of one length and a scalar, got {keys}, {values} and {default}")
        return values.with_shape(x.shape)

    def evaluate(self, x: Array, keys: Array, values: Array, default: Array) -> Array:
        table = dict(zip(keys.tolist(), values.tolist(), strict=True))
        found = [table.get(t, default.item()) for t in x.reshape(-1)]
        return np.array(found, default.dtype).reshape(x.shape)


@dataclass(frozen=True)
class HashText(Op):
    """A number below `buckets`: the text's FarmHash64 fingerprint, or with a key its SipHash64, modulo `buckets`."""

    traits = Traits(Work.EXACT, range=POSITIVE, text=Text.ONLY)
    buckets: int
    key: tuple[int, ...] = ()

    def infer(self, x: TensorType) -> TensorType:
        check.kind("text", x)
        check.at_least(1, (self.buckets,), "buckets")
        _check_key(self.key)
        return x.with_dtype(DType.I64)

    def evaluate(self, x: Array) -> Array:
        hashed = [sip_hash(t.encode(), self.key) if self.key else farm_hash(t.encode()) for t in x.reshape(-1)]
        return np.array([h % self.buckets for h in hashed], np.int64).reshape(x.shape)


@dataclass(frozen=True)
class HashNumber(Op):
    """What `HashText` gives for the decimal text of an integer; `buckets` is 2**20 at most."""

    traits = Traits(Work.EXACT, range=POSITIVE)
    buckets: int
    key: tuple[int, ...] = ()

    def infer(self, x: TensorType) -> TensorType:
        check.kind("integer", x)
        check.at_least(1, (self.buckets,), "buckets")
        check.at_most(self.buckets, MOST_BUCKETS, "buckets")
        _check_key(self.key)
        return x.with_dtype(DType.I64)

    def evaluate(self, x: Array) -> Array:
        return HashText(self.buckets, self.key).evaluate(_each(str, x))


@dataclass(frozen=True)
class NumberText(Op):
    """Integers as decimal text."""

    traits = Traits(Work.EXACT, text=Text.ONLY)

    def infer(self, x: TensorType) -> TensorType:
        check.kind("integer", x)
        return x.with_dtype(DType.STRING)

    def evaluate(self, x: Array) -> Array:
        return _each(str, x)


_PARTS: dict[str, Callable[[str], list[str]]] = {
    "word": lambda t: [w for w in re.split(f"[{SPACES}]+", t) if w],
    "character": list,
}
"""How text is taken apart, by unit."""


def _check_key(key: tuple[int, ...]) -> None:
    if len(key) not in (0, 2):
        raise GraphError(f"a key has two numbers, got {list(key)}")


def _each(function: Callable[[Any], str], x: Array) -> Array:
    result: Array = np.empty(x.size, object)
    result[:] = [function(t) for t in x.reshape(-1).tolist()]
    return result.reshape(x.shape)


ABOUT_TEXT = having(lambda t: t.text is Text.ONLY)
"""The ops that formats without text do not have."""
