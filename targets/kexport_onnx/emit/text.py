"""Text: letters, parts, tables."""

from __future__ import annotations

from typing import Any

import numpy as np

from kexport import ops
from kexport.ir.dim import Dim
from kexport.ir.graph import Node
from kexport.ir.op import Array
from kexport.ir.types import DType, TensorType
from kexport.ops.text import SPACES
from kexport_onnx.bodies import Scope
from kexport_onnx.context import Context
from kexport_onnx.emit.table import EMIT
from kexport_onnx.refs import Ref

EMIT.unsupported("ONNX has no hash of text", ops.HashText)

_TABLES = {DType.I64: "int64", DType.F32: "float", DType.STRING: "string"}
"""How attributes of LabelEncoder call the element types that its tables may have."""


@EMIT.emits(ops.ChangeCase)
def change_case(e: Context, op: ops.ChangeCase, node: Node) -> Ref:
    """In the locale "C", which every machine has, and in which letters beyond ASCII stay. It refuses to get nothing."""
    (x,) = e.refs(node)
    type = node.output.type
    x = e.reshape(x, [-1]) if type.rank != 1 else x
    if not type.is_static:
        x = e.op("Concat", x, e.const([""], DType.STRING), axis=0)
    x = e.op("StringNormalizer", x, case_change_action="UPPER" if op.upper else "LOWER", locale="C")
    if not type.is_static:
        x = e.op("Slice", x, e.ints([0]), e.ints([-1]), e.ints([0]))
    return e.reshape(x, type.shape) if type.rank != 1 else x


@EMIT.emits(ops.ReplaceText)
def replace_text(e: Context, op: ops.ReplaceText, node: Node) -> Ref:
    (x,) = e.refs(node)
    return _replaced(e, x, node.output.type, op.texts, op.replacement)


def _replaced(e: Context, x: Ref, type: TensorType, texts: tuple[str, ...], replacement: str) -> Ref:
    """One text after the other: what is between it, joined again."""
    for text in dict.fromkeys(texts):
        parts, counts = e.op_all("StringSplit", x, dtypes=(None, DType.I64), delimiter=text)
        x = _joined(e, parts, counts, type, replacement)
    return x


def _joined(e: Context, parts: Ref, counts: Ref, type: TensorType, between: str) -> Ref:
    """The parts along the last axis as one text, with `between` behind all but the last that counts."""
    longest = e.op("Squeeze", e.op("Shape", parts, dtype=DType.I64, start=-1), e.ints([0]))
    empty = e.const("", DType.STRING)
    between_ = e.const(between, DType.STRING)
    start = e.op("Expand", empty, e.op("Shape", parts, dtype=DType.I64, start=0, end=-1))
    last = e.op("Sub", counts, e.const(1, DType.I64)) if between else counts
    body = Scope(e, [])
    step = body.formal("step", TensorType(DType.I64, ()))
    more = body.formal("more", TensorType(DType.BOOL, ()))
    joined = body.formal("joined", type)
    result = body.op("StringConcat", joined, body.op("Gather", parts, step, axis=-1))
    if between:
        inside = body.op("Less", step, last, dtype=DType.BOOL)
        result = body.op("StringConcat", result, body.op("Where", inside, between_, empty, main=1))
    graph = body.close("body", [(more, TensorType(DType.BOOL, ())), (result, type)])
    return e.op("Loop", longest, None, start, dtype=DType.STRING, body=graph)


@EMIT.emits(ops.SplitText)
def split_text(e: Context, op: ops.SplitText, node: Node) -> Ref:
    """ONNX Runtime splits at blanks only. A length that nothing else has is the one that comes out."""
    (x,) = e.refs(node)
    blanks = _replaced(e, x, node.inputs[0].type, tuple(SPACES.replace(" ", "")), " ")
    parts, _ = e.op_all("StringSplit", blanks, dtypes=(None, DType.I64))
    if not e.sizes.knows(op.length):
        return parts
    return _fitted(e, parts, node.output.type.shape)


def _fitted(e: Context, parts: Ref, shape: tuple[Dim, ...]) -> Ref:
    """As many parts as the shape says: the first ones, then empty text."""
    filled = e.op("Concat", parts, e.op("Expand", e.const("", DType.STRING), e.dims(shape)), axis=len(shape) - 1)
    return e.op("Slice", filled, e.ints([0]), e.dims(shape[-1:]), e.ints([-1]))


@EMIT.emits(ops.JoinText)
def join_text(e: Context, op: ops.JoinText, node: Node) -> Ref:
    return e.op("StringConcat", *e.refs(node))


@EMIT.emits(ops.NumberText)
def number_text(e: Context, op: ops.NumberText, node: Node) -> Ref:
    return e.cast(e.ref(node.inputs[0]), DType.STRING)


@EMIT.emits(ops.Lookup)
def lookup(e: Context, op: ops.Lookup, node: Node) -> Ref:
    """Values of types that no table has are gathered at the place of their key."""
    x, keys, values, default = node.inputs
    dtype = values.type.dtype
    assert keys.data is not None
    if not keys.data.size:
        return e.op("Expand", e.ref(default), e.op("Shape", e.ref(x), dtype=DType.I64))
    if dtype in _TABLES and values.is_constant and default.is_constant:
        return _table(e, e.ref(x), keys.data, values.data, default.data, dtype)
    places = np.arange(keys.data.size)
    where = _table(e, e.ref(x), keys.data, places, np.array(len(places)), DType.I64)
    column = e.op("Unsqueeze", e.ref(default), e.ints([0]))
    return e.op("Gather", e.op("Concat", e.ref(values), column, axis=0), where, axis=0)


def _table(e: Context, x: Ref, keys: Array, values: Any, default: Any, dtype: DType) -> Ref:
    kind = _TABLES[dtype]
    attributes = {f"values_{kind}s": values.tolist(), f"default_{kind}": default.item()}
    return e.op("LabelEncoder", x, dtype=dtype, keys_strings=keys.tolist(), **attributes)
