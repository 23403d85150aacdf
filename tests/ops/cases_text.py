"""Cases of ops on text; expected results are written out. Only some targets have text at all."""

from __future__ import annotations

from typing import Any

import numpy as np

from kexport import ops
from kexport.ir.dim import symbol
from kexport.ir.types import DType
from tests.ops.case import BATCH, LENGTH, Case, Operand, booleans, constant, integers, literal

WORDS = ("the", "Cat", "ÉCOLE", "naïve", "", "a.b", "42", "İß", "日本", "z")
SENTENCES = (
    "The cat, the DOG!",
    " two  spaces\tand\nlines ",
    "",
    "   ",
    "naïve ÉCOLE 日本 #1",
    "one",
    "a\x0bb\x0cc\rd\xa0e",
    "under_score [x] ^ `y` ~ \\ \"q\" 'r'",
)
PUNCTUATION = tuple("!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'")
KEYS = ["the", "cat", "日本", "", "42", "naïve"]


def words(*shape: Any) -> Operand:
    """Words, some of them known to `KEYS`."""
    return Operand(shape, DType.STRING, lambda rng, s: rng.choice(np.array(WORDS, object), s))


def sentences() -> Operand:
    """One of each kind of sentence."""
    return literal(SENTENCES, DType.STRING)


def _text(values: Any) -> Operand:
    return literal(np.array(values, object), DType.STRING)


def _each(function: Any) -> Any:
    return lambda x, *_: np.array([function(t) for t in x.reshape(-1)], object).reshape(x.shape)


def _hashed(table: dict[str, int]) -> Any:
    return lambda x: np.array([table[t] for t in x], np.int64)


def _split(length: int | None, unit: str = "word") -> Any:
    def expected(x: Any) -> Any:
        flat = [t.replace("\xa0", "~").split() if unit == "word" else list(t) for t in x.reshape(-1)]
        size = max(map(len, flat)) if length is None else length
        rows = [
            (
                *(p.replace("~", "\xa0") if unit == "word" and len(p) > 1 else p for p in row[:size]),
                *[""] * (size - len(row)),
            )
            for row in flat
        ]
        return np.array(rows, object).reshape(*x.shape, size)

    return expected


def _lookup(values: Any, default: Any, dtype: DType) -> Case:
    def expected(x: Any, *_: Any) -> Any:
        found = [values[KEYS.index(t)] if t in KEYS else default for t in x.reshape(-1)]
        return np.array(found, dtype.numpy).reshape(x.shape)

    table = (constant(_text(KEYS)), constant(literal(np.array(values, dtype.numpy), dtype)))
    operands = (words(BATCH, LENGTH), *table, constant(literal(np.array(default, dtype.numpy), dtype)))
    return Case(ops.Lookup(), operands, expected, str(dtype))


def _strip(t: str) -> str:
    return "".join(c for c in t if c not in PUNCTUATION)


HASHES = {"": 6, "a": 4, "hello": 0, "12345678": 7, "q" * 17: 1, "e" * 33: 11, "t" * 65: 6, "u" * 129: 9}
"""`tf.strings.to_hash_bucket_fast(text, 13)`."""
KEYED = {"": 1, "a": 1, "hello": 0, "12345678": 9, "q" * 17: 7, "e" * 33: 5, "t" * 65: 12, "u" * 129: 5}
"""`tf.strings.to_hash_bucket_strong(text, 13, [133, 137])`."""

BUCKETS = dict(
    zip(
        (0, 7, -1, 42, -100, 999, 1234, -12345, 1234567, -7654321, 12345678, 987654321, 2147483647, -2147483648),
        (735, 88, 430, 736, 814, 466, 222, 310, 423, 734, 362, 3, 757, 469),
        strict=True,
    )
)
"""`tf.strings.to_hash_bucket_fast(tf.as_string(number), 1000)`."""
LARGE = dict(zip(
    (10**9, -(10**11), 123456789012345, 10**15 - 1, 10**16, -(10**15), 123456789012345678, 2**63 - 1, -(2**63), 2**53),
    (784, 210, 614, 925, 277, 925, 369, 319, 112, 175), strict=True,
))  # fmt: skip
"""The same for numbers that need more than 32 bits, or almost."""


KEY = (133, -7)
KEYED_BUCKETS = dict(zip([*BUCKETS, *LARGE], (
    49, 744, 155, 229, 638, 386, 261, 835, 312, 326, 506, 438, 295, 819,
    420, 959, 732, 521, 750, 686, 383, 734, 930, 57,
), strict=True))  # fmt: skip
"""`tf.strings.to_hash_bucket_strong(tf.as_string(number), 1000, KEY)`."""


def _bucketed(table: dict[int, int], dtype: DType, label: str = "", key: tuple[int, ...] = ()) -> Case:
    def expected(x: Any) -> Any:
        return np.array([table[int(n)] for n in x], np.int64)

    return Case(ops.HashNumber(1000, key), (literal(list(table), dtype),), expected, label)


HASHED = (
    _bucketed(BUCKETS, DType.I32),
    _bucketed({n: b for n, b in BUCKETS.items() if -128 <= n < 128}, DType.I8, "i8"),
    _bucketed(BUCKETS, DType.I64, "i64"),
    _bucketed({n: b for n, b in KEYED_BUCKETS.items() if n in BUCKETS}, DType.I32, "keyed", KEY),
)
"""Hashes of numbers, which need no text."""
LARGE_HASHES = (_bucketed(LARGE, DType.I64, "large"), _bucketed(KEYED_BUCKETS, DType.I64, "keyed_large", KEY))
"""For targets whose integers have 64 bits."""
CASES: tuple[Case, ...] = (
    Case(ops.ChangeCase(), (words(BATCH, LENGTH),),
         _each(lambda t: "".join(c.lower() if c.isascii() else c for c in t))),
    Case(ops.ChangeCase(upper=True), (words(BATCH),),
         _each(lambda t: "".join(c.upper() if c.isascii() else c for c in t)), "upper"),
    Case(ops.ReplaceText(PUNCTUATION), (sentences(),), _each(_strip), "punctuation"),
    Case(ops.ReplaceText((" ", "\t", "\n"), "<>"), (sentences(),),
         _each(lambda t: "".join("<>" if c in " \t\n" else c for c in t)), "spaces"),
    Case(ops.ReplaceText(("the",), " "), (_text([["the cat", "nothe the"], ["thethe", ""]]),),
         _each(lambda t: t.replace("the", " ")), "word"),
    Case(ops.SplitText(4), (sentences(),), _split(4), "cut"),
    Case(ops.SplitText(9), (_text([["a b c", " "], ["", " d\te"]]),), _split(9), "padded"),
    Case(ops.SplitText(5, "character"), (words(BATCH, LENGTH),), _split(5, "character"), "characters"),
    Case(ops.JoinText(), (words(BATCH, LENGTH), words(BATCH, 1)), lambda a, b: a + b),
    Case(ops.JoinText(), (words(BATCH), constant(literal(" ", DType.STRING))), lambda a, b: a + b, "constant"),
    _lookup([2, 3, 4, 0, 5, 6], 1, DType.I64),
    _lookup([2, 3, 4, 0, 5, 6], -1, DType.I32),
    _lookup([0.5, 2, 3, 4, 5, 6], -1.5, DType.F32),
    _lookup(["eins", "zwei", "drei", "", "vier", "fünf"], "[UNK]", DType.STRING),
    Case(ops.HashText(13), (_text(list(HASHES)),), _hashed(HASHES)),
    Case(ops.HashText(13, (133, 137)), (_text(list(KEYED)),), _hashed(KEYED), "keyed"),
    Case(ops.NumberText(), (integers(-(2**31), 2**31 - 1, BATCH, 3),), _each(str)),
    Case(ops.NumberText(), (integers(-(2**62), 2**62, BATCH, dtype=DType.I64),), _each(str), "i64"),
    Case(ops.Equal(), (words(BATCH, LENGTH), constant(literal("the", DType.STRING))), lambda a, b: a == b, "text"),
    Case(ops.NotEqual(), (words(BATCH, LENGTH), words(BATCH, 1)), lambda a, b: a != b, "text"),
    Case(ops.Select(), (booleans(BATCH, 3), words(BATCH, 3), constant(_text("none"))), np.where,
         "text"),
    Case(ops.Gather(0), (constant(_text(list(WORDS))), integers(0, len(WORDS) - 1, BATCH, 3)), lambda x, i: x[i],
         "text"),
    Case(ops.Reshape((BATCH, 3, 1)), (words(BATCH, 3),), lambda x: x.reshape(*x.shape, 1), "text"),
    Case(ops.Transpose((1, 0)), (words(BATCH, 3),), np.transpose, "text"),
    Case(ops.Concat(1), (words(BATCH, 3), words(BATCH, 2)), lambda a, b: np.concatenate([a, b], 1), "text"),
    Case(ops.Slice((0, 1), (BATCH, 3), (1, 1)), (words(BATCH, 4),), lambda x: x[:, 1:3], "text"),
    Case(ops.BroadcastTo((BATCH, 3)), (words(BATCH, 1),), lambda x: np.repeat(x, 3, 1), "text"),
)  # fmt: skip
OPEN = Case(ops.SplitText(symbol("tokens")), (sentences(),), _split(None), "open")
"""The length of its result depends on the text."""
