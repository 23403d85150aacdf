"""Text: case, replacement, joining, splitting, hashing."""

from __future__ import annotations

import re
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import numpy as np

from kexport import ops
from kexport.capture.lowering.context import Context, scalar
from kexport.capture.lowering.table import Table
from kexport.capture.not_lowered import NotLowered
from kexport.ir.dim import Dim, symbol
from kexport.ir.graph import Node, Value
from kexport.ops.text import MOST_BUCKETS

table = Table()
PARTS = "tokens"
"""The name of the symbol for the number of words in a text."""
LARGEST_CLASS = 256
"""The most characters of a class."""


@table.op("StringLower", "StringUpper")
def change_case(ctx: Context, op: Any, x: Value) -> Value:
    """Letters from A to Z in the other case."""
    if op.get_attr("encoding"):
        raise NotLowered("it changes the case of all letters of Unicode; leave the encoding out, for A to Z")
    return ctx.emit(ops.ChangeCase(upper=op.type == "StringUpper"), x)


@table.op("StaticRegexReplace")
def static_regex_replace(ctx: Context, op: Any, x: Value) -> Value:
    """Replace a fixed text, or each of a set of characters, everywhere."""
    return _replace(ctx, x, op.get_attr("pattern"), op.get_attr("rewrite"), op.get_attr("replace_global"))


@table.op("RegexReplace")
def regex_replace(ctx: Context, op: Any, x: Value, pattern: Value, rewrite: Value) -> Value:
    """The same, with the pattern in a tensor."""
    what = scalar(pattern)
    by = scalar(rewrite)
    if what is None or by is None:
        raise NotLowered("a pattern that depends on the input")
    return _replace(ctx, x, what.encode(), by.encode(), op.get_attr("replace_global"))


def _replace(ctx: Context, x: Value, pattern: bytes, rewrite: bytes, everywhere: bool) -> Value:
    texts = literal_texts(pattern.decode())
    if texts is None or b"\\" in rewrite or not everywhere:
        raise NotLowered(
            f"the pattern {pattern.decode()!r} is more than one text, or one class of characters, that is replaced "
            "everywhere"
        )
    return ctx.emit(ops.ReplaceText(texts, rewrite.decode()), x)


def literal_texts(pattern: str) -> tuple[str, ...] | None:
    """Return what a regular expression matches, if that is one text or a set of characters; else None."""
    try:
        parsed = parser.parse(pattern)
    except (re.error, OverflowError, RecursionError):
        return None
    if parsed.state.flags & ~re.UNICODE:
        return None
    if parsed and all(code is codes.LITERAL for code, _ in parsed):
        return ("".join(chr(c) for _, c in parsed),)
    if len(parsed) != 1 or parsed[0][0] is not codes.IN:
        return None
    found: list[int] = []
    for code, value in parsed[0][1]:
        if code is codes.LITERAL:
            found.append(value)
        elif code is codes.RANGE and value[1] - value[0] < LARGEST_CLASS:
            found += range(value[0], value[1] + 1)
        elif code is codes.CATEGORY and value is codes.CATEGORY_SPACE:
            found += map(ord, "\t\n\f\r ")
        else:
            return None
    return tuple(chr(c) for c in dict.fromkeys(found)) if len(found) <= LARGEST_CLASS else None


@table.op("StringJoin")
def join(ctx: Context, op: Any, *values: Value) -> Value:
    """Join texts with a separator."""
    separator = op.get_attr("separator").decode()
    result = values[0]
    for value in values[1:]:
        if separator:
            result = ctx.emit(ops.JoinText(), result, ctx.constant(np.array(separator, object)))
        result = ctx.emit(ops.JoinText(), result, value)
    return result


@table.op("StringToHashBucketFast")
def hash_fast(ctx: Context, op: Any, x: Value) -> Value:
    """FarmHash64."""
    return _hash(ctx, x, op.get_attr("num_buckets"))


@table.op("StringToHashBucketStrong")
def hash_strong(ctx: Context, op: Any, x: Value) -> Value:
    """SipHash64 with a key."""
    return _hash(ctx, x, op.get_attr("num_buckets"), tuple(op.get_attr("key")))


def _hash(ctx: Context, x: Value, buckets: int, key: tuple[int, ...] = ()) -> Value:
    """A hash of text; of the text of a number it is computed without text."""
    match x.producer:
        case Node(op=ops.NumberText(), inputs=(number,)) if buckets <= MOST_BUCKETS:
            return ctx.emit(ops.HashNumber(buckets, key), number)
    return ctx.emit(ops.HashText(buckets, key), x)


@table.op("AsString")
def as_string(ctx: Context, op: Any, x: Value) -> Value:
    """Integers as decimal text."""
    if not x.type.dtype.is_int or op.get_attr("width") != -1 or op.get_attr("fill"):
        raise NotLowered("only integers become text here, and as they are, without a width to fill")
    return ctx.emit(ops.NumberText(), x)


def split(ctx: Context, text: Any, unit: str, length: int | None) -> Value:
    """The parts of each text on a new last axis, padded and cut to a length; as many as there are without one."""
    return ctx.emit(ops.SplitText(_new_size(ctx) if length is None else length, unit), ctx.value(text))


def _new_size(ctx: Context) -> Dim:
    taken = ctx.graph.symbols()
    name = PARTS
    count = 1
    while name in taken:
        count += 1
        name = f"{PARTS}_{count}"
    return symbol(name)
