"""Text: letters, parts, tables, hashes."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from kexport import ops
from kexport.ir.graph import Node
from kexport.ir.types import DType
from kexport_savedmodel.context import Context
from kexport_savedmodel.emit.table import EMIT
from kexport_savedmodel.tables import KINDS, Table, find
from kexport_shared.graphdef.nodes import Ref

_SPECIAL = re.compile(r"[!-/:-@\[-`{-~ ]")
"""What RE2 takes a backslash before."""
_CODES: dict[str, Any] = {"errors": "replace", "replacement_char": 0xFFFD}
Parts = tuple[Ref, dict[str, Ref]]
"""All parts of all texts, and which rows they make, by the words of RaggedTensorToTensor."""


@EMIT.emits(ops.ChangeCase)
def change_case(e: Context, op: ops.ChangeCase, node: Node) -> Ref:
    """Without an encoding letters beyond ASCII stay."""
    return e.op("StringUpper" if op.upper else "StringLower", *e.refs(node), encoding="")


@EMIT.emits(ops.ReplaceText)
def replace_text(e: Context, op: ops.ReplaceText, node: Node) -> Ref:
    pattern = "|".join(_SPECIAL.sub(r"\\\g<0>", t) for t in op.texts)
    rewrite = op.replacement.replace("\\", "\\\\")
    return e.op("StaticRegexReplace", *e.refs(node), pattern=pattern, rewrite=rewrite, replace_global=True)


@EMIT.emits(ops.SplitText)
def split_text(e: Context, op: ops.SplitText, node: Node) -> Ref:
    """All parts, then in rows: cut, and padded with empty text. A length that nothing else has comes out."""
    (given,) = e.refs(node)
    shape = node.output.type.shape
    parts, rows = _PARTS[op.unit](e, given if len(shape) == 2 else e.reshape(given, [-1]))
    sizes = e.dims((-1, op.length if e.knows(op.length) else -1))
    y = e.op(
        "RaggedTensorToTensor",
        sizes,
        parts,
        e.const("", DType.STRING),
        *rows.values(),
        main=1,
        num_row_partition_tensors=len(rows),
        row_partition_types=list(rows),
    )
    if len(shape) == 2:
        return y
    length = e.op("GatherV2", e.shape(y), e.ints([1]), e.scalar(0), batch_dims=0)
    return e.op("Reshape", y, e.op("ConcatV2", e.shape(given), length, e.scalar(0), N=2))


def _words(e: Context, x: Ref) -> Parts:
    blank = e.const("", DType.STRING)
    places, words, extent = e.op_all("StringSplitV2", x, blank, dtypes=(DType.I64, None, DType.I64), maxsplit=-1)
    rows = e.op("GatherV2", places, e.scalar(0), e.scalar(1), batch_dims=0)
    count = e.op("GatherV2", extent, e.scalar(0), e.scalar(0), batch_dims=0)
    return words, {"FIRST_DIM_SIZE": count, "VALUE_ROWIDS": rows}


def _characters(e: Context, x: Ref) -> Parts:
    """Decoded, and each encoded alone."""
    starts, codes = e.op_all(
        "UnicodeDecode",
        x,
        dtypes=(DType.I64, DType.I32),
        input_encoding="UTF-8",
        Tsplits=DType.I64,
        **_CODES,
        replace_control_characters=False,
    )
    one = e.const(1, DType.I64)
    count = e.op("AddV2", e.op("Size", codes, dtype=DType.I64, out_type=DType.I64), one)
    each = e.op("Range", e.const(0, DType.I64), count, one)
    letters = e.op("UnicodeEncode", codes, each, dtype=DType.STRING, output_encoding="UTF-8", **_CODES)
    return letters, {"ROW_SPLITS": starts}


_PARTS = {"word": _words, "character": _characters}
"""How text is taken apart, by unit."""


@EMIT.emits(ops.JoinText)
def join_text(e: Context, op: ops.JoinText, node: Node) -> Ref:
    """Of the two additions the older one takes text."""
    return e.op("Add", *e.refs(node))


@EMIT.emits(ops.HashText)
def hash_text(e: Context, op: ops.HashText, node: Node) -> Ref:
    return _hash(e, e.ref(node.inputs[0]), op)


def _hash(e: Context, x: Ref, op: ops.HashText | ops.HashNumber) -> Ref:
    if op.key:
        return e.op("StringToHashBucketStrong", x, dtype=DType.I64, num_buckets=op.buckets, key=list(op.key))
    return e.op("StringToHashBucketFast", x, dtype=DType.I64, num_buckets=op.buckets)


@EMIT.emits(ops.NumberText)
def number_text(e: Context, op: ops.NumberText, node: Node) -> Ref:
    return _decimal(e, *e.refs(node))


def _decimal(e: Context, x: Ref) -> Ref:
    plain = {"precision": -1, "scientific": False, "shortest": False, "width": -1, "fill": ""}
    return e.op("AsString", x, dtype=DType.STRING, **plain)


@EMIT.emits(ops.HashNumber)
def hash_number(e: Context, op: ops.HashNumber, node: Node) -> Ref:
    return _hash(e, _decimal(e, e.ref(node.inputs[0])), op)


@EMIT.emits(ops.Lookup)
def lookup(e: Context, op: ops.Lookup, node: Node) -> Ref:
    """Values of types that no table has are gathered at the place of their key. A table holds something."""
    x, keys, values, default = node.inputs
    dtype = e.dialect.stored(values.type.dtype)
    assert keys.data is not None
    if not keys.data.size:
        return e.op("BroadcastTo", e.ref(default), e.shape(e.ref(x)))
    if dtype in KINDS and values.data is not None:
        return find(e, Table(keys.data, values.data, dtype), e.ref(x), e.ref(default))
    places = np.arange(keys.data.size)
    where = find(e, Table(keys.data, places, DType.I64), e.ref(x), e.const(len(places), DType.I64))
    column = e.reshape(e.ref(default), [1])
    held = e.op("ConcatV2", e.ref(values), column, e.scalar(0), N=2)
    return e.op("GatherV2", held, where, e.scalar(0), batch_dims=0)
