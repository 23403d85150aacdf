"""Turns a model into bytes: the metadata are packed by the schema's classes, the weights streamed after them.

A flatbuffer refers to a vector by an unsigned 32-bit distance, so the weights may stand behind all tables. Files of
2 GB and more hold them outside of the flatbuffer instead, by position and size (`Buffer.offset`, `Buffer.size`).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from kexport.errors import EmitError
from kexport.ir.types import DType
from kexport.rewrite.grids import Grid
from kexport_tflite.model import Content, Model, Operator, Signature, Subgraph, Tensor
from kexport_tflite.operators import OPERATORS

IDENTIFIER = b"TFL3"
SCHEMA_VERSION = 3
INLINE_LIMIT = (1 << 31) - 1
"""The largest flatbuffer that readers accept, in bytes."""
_PLACEHOLDER = 2
_ALIGNMENT = {True: 16, False: 64}
"""Of weights inside and outside of the flatbuffer; the schema asks for 16, the runtime's kernels like 64."""
_DATA = 4
_OFFSET = 6
_SIZE = 8  # vtable slots of the fields of Buffer
_ENUMS = {
    "padding": "Padding",
    "fused_activation_function": "ActivationFunctionType",
    "mode": "MirrorPadMode",
}
TYPES = {
    DType.F32: "FLOAT32", DType.F16: "FLOAT16", DType.BF16: "BFLOAT16", DType.F64: "FLOAT64", DType.I4: "INT4",
    DType.I8: "INT8", DType.I16: "INT16", DType.I32: "INT32", DType.I64: "INT64", DType.U4: "UINT4", DType.U8: "UINT8",
    DType.U16: "UINT16", DType.U32: "UINT32", DType.U64: "UINT64", DType.BOOL: "BOOL", DType.C64: "COMPLEX64",
    DType.STRING: "STRING",
}  # fmt: skip
"""The schema's name of each element type."""


@dataclass(frozen=True)
class _Piece:
    """What follows the metadata: zero bytes up to the alignment, the length word if inline, the bytes."""

    padding: int
    length: bytes
    content: Content


def write_model(model: Model, path: Path, *, inline_limit: int = INLINE_LIMIT) -> None:
    """Write a model to a file; memory beyond the weights stays within a few megabytes.

    Args:
        model: what to write.
        path: a new file.
        inline_limit: the size in bytes from which weights stand outside of the flatbuffer.
    """
    inline = _size_bound(model) <= inline_limit
    head = bytearray(_pack(model, inline))
    pieces = list(_place(model, head, inline))
    try:
        with path.open("wb") as file:
            file.write(head)
            for piece in pieces:
                _write_piece(file, piece)
    except OSError as e:
        raise EmitError(f"the model cannot be written: {e.strerror}", where=str(path)) from e


def _size_bound(model: Model) -> int:
    contents = [c for c in model.buffers if c is not None]
    tables = sum(len(g.tensors) * 400 + len(g.operators) * 400 for g in model.subgraphs)
    return sum(c.nbytes + 64 for c in contents) + tables + (1 << 16)


def _write_piece(file: BinaryIO, piece: _Piece) -> None:
    file.write(bytes(piece.padding) + piece.length)
    for chunk in piece.content.chunks():
        file.write(chunk)


def _place(model: Model, head: bytearray, inline: bool) -> Iterator[_Piece]:
    """Give each content its place behind the metadata, and patch the metadata to say so."""
    root = schema().Model.GetRootAs(head, 0)
    end = len(head)
    align = _ALIGNMENT[inline]
    for index, content in enumerate(model.buffers):
        if content is None:
            continue
        table = root.Buffers(index)._tab
        word = 4 if inline else 0
        start = end + word + -(end + word) % align
        if inline:
            field = table.Pos + table.Offset(_DATA)
            struct.pack_into("<I", head, field, start - word - field)
        else:
            struct.pack_into("<Q", head, table.Pos + table.Offset(_OFFSET), start)
            struct.pack_into("<Q", head, table.Pos + table.Offset(_SIZE), content.nbytes)
        yield _Piece(start - word - end, struct.pack("<I", content.nbytes) if inline else b"", content)
        end = start + content.nbytes


@cache
def schema() -> Any:
    """The schema's generated classes."""
    from ai_edge_litert import schema_py_generated

    return schema_py_generated


def _pack(model: Model, inline: bool) -> bytearray:
    """The flatbuffer with placeholders for the weights."""
    import flatbuffers

    s = schema()
    packed = s.ModelT()
    packed.version = SCHEMA_VERSION
    packed.description = model.description
    codes: dict[tuple[str, int], int] = {}
    packed.subgraphs = [_subgraph(g, codes) for g in model.subgraphs]
    packed.operatorCodes = [_operator_code(op, version) for op, version in codes]
    packed.buffers = [_buffer(content, inline) for content in model.buffers]
    packed.signatureDefs = [_signature(d) for d in model.signatures]
    packed.metadata = [_fill(s.MetadataT(), name=name, buffer=buffer) for name, buffer in model.metadata.items()]
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(packed.Pack(builder), IDENTIFIER)
    return builder.Output()


def _buffer(content: Content | None, inline: bool) -> Any:
    if content is None:
        return schema().BufferT()
    if inline:
        return schema().BufferT(data=np.empty(0, np.uint8))
    return schema().BufferT(offset=_PLACEHOLDER, size=_PLACEHOLDER)


def _operator_code(op: str, version: int) -> Any:
    s = schema()
    code = getattr(s.BuiltinOperator, op)
    old = min(code, s.BuiltinOperator.PLACEHOLDER_FOR_GREATER_OP_CODES)  # readers before 2020 know one byte only
    return _fill(s.OperatorCodeT(), builtinCode=code, deprecatedBuiltinCode=old, version=version)


def _subgraph(graph: Subgraph, codes: dict[tuple[str, int], int]) -> Any:
    return _fill(
        schema().SubGraphT(),
        name=graph.name,
        tensors=[_tensor(t) for t in graph.tensors],
        operators=[_operator(o, codes) for o in graph.operators],
        inputs=_ints(graph.inputs),
        outputs=_ints(graph.outputs),
    )


def _tensor(tensor: Tensor) -> Any:
    return _fill(
        schema().TensorT(),
        name=tensor.name,
        type=tensor_type(tensor.dtype),
        shape=_ints(tensor.shape),
        shapeSignature=None if tensor.signature is None else _ints(tensor.signature),
        hasRank=True,
        buffer=tensor.buffer,
        quantization=None if tensor.grid is None else _quantization(tensor.grid),
    )


def _quantization(grid: Grid) -> Any:
    scale = grid.scales.astype(np.float32)
    zero = grid.zeros.astype(np.int64)
    return _fill(schema().QuantizationParametersT(), scale=scale, zeroPoint=zero, quantizedDimension=grid.axis or 0)


def _operator(operator: Operator, codes: dict[tuple[str, int], int]) -> Any:
    s = schema()
    packed = s.OperatorT()
    packed.opcodeIndex = codes.setdefault((operator.op, operator.version), len(codes))
    packed.inputs = _ints(operator.inputs)
    packed.outputs = _ints(operator.outputs)
    table = OPERATORS[operator.op].options
    if table is None:
        return packed
    options = getattr(s, table + "T")()
    _fill(options, **{_camel(name): _option(name, value) for name, value in operator.options.items()})
    union = "builtinOptions" if hasattr(s.BuiltinOptions, table) else "builtinOptions2"
    kind = getattr(s.BuiltinOptions if union == "builtinOptions" else s.BuiltinOptions2, table)
    return _fill(packed, **{union: options, union + "Type": kind})


def _signature(signature: Signature) -> Any:
    def maps(names: dict[str, int]) -> list[Any]:
        return [_fill(schema().TensorMapT(), name=name, tensorIndex=index) for name, index in names.items()]

    return _fill(
        schema().SignatureDefT(),
        signatureKey=signature.key,
        subgraphIndex=signature.subgraph,
        inputs=maps(signature.inputs),
        outputs=maps(signature.outputs),
    )


def tensor_type(dtype: DType) -> int:
    """The schema's number of an element type."""
    return getattr(schema().TensorType, TYPES[dtype])


def _option(name: str, value: Any) -> Any:
    if isinstance(value, DType):
        return tensor_type(value)
    if name in _ENUMS:
        return getattr(getattr(schema(), _ENUMS[name]), value)
    return _ints(value) if isinstance(value, tuple) else value


def _camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda m: m[1].upper(), name)


def _ints(values: Any) -> Any:
    return np.array(values, np.int32)


def _fill(table: Any, **fields: Any) -> Any:
    """Set fields of a schema object; a name it doesn't have is our mistake."""
    for name, value in fields.items():
        if not hasattr(table, name):
            raise EmitError(f"{type(table).__name__} of the schema has no field {name}")
        setattr(table, name, value)
    return table
