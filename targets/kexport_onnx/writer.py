"""Writes a model file, its weights streamed: no second copy of them is ever in memory.

The small part (nodes, types, metadata) is packed by protobuf; each `TensorProto` is written field by field, its bytes
straight from the array. From 2 GiB on, which a protobuf message cannot hold, or on request, the bytes of the larger
tensors go to `<stem>.data` beside the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BufferedWriter
from math import prod
from pathlib import Path
from typing import Any

from kexport.errors import EmitError
from kexport.ir.op import Array
from kexport.ir.types import DType
from kexport_onnx.dtypes import CODES, raw_chunks, raw_size
from kexport_onnx.wire import bytes_field, number_field, open_field

MODEL_LIMIT = 2**31 - 1
"""The most bytes that a protobuf message can have."""
INLINE = 1024
"""Tensors of fewer bytes stay in the model file: shape inference reads them."""
ALIGN = 4096
"""External tensors begin at multiples of a page, so that runtimes can map them into memory."""

# Field numbers of onnx.proto.
_MODEL_GRAPH = 7
_GRAPH_INITIALIZER = 5
_DIMS = 1
_DATA_TYPE = 2
_STRING_DATA = 6
_NAME = 8
_RAW_DATA = 9
_EXTERNAL_DATA = 13
_DATA_LOCATION = 14
_EXTERNAL = 1


@dataclass(frozen=True)
class Weight:
    """An initializer: the array's elements in C order, under a name and a shape of the same number of elements."""

    name: str
    data: Array
    shape: tuple[int, ...]

    @property
    def dtype(self) -> DType:
        return DType.of(self.data.dtype)

    @property
    def nbytes(self) -> int:
        """The number of bytes that may lie in another file: text may not."""
        return raw_size(self.dtype, prod(self.shape))


@dataclass(frozen=True)
class _Slot:
    """The place of an external tensor in the data file."""

    file: str
    offset: int
    length: int

    def fields(self) -> bytes:
        pairs = {"location": self.file, "offset": str(self.offset), "length": str(self.length)}
        packed = (bytes_field(1, k.encode()) + bytes_field(2, v.encode()) for k, v in pairs.items())
        return b"".join(bytes_field(_EXTERNAL_DATA, p) for p in packed) + number_field(_DATA_LOCATION, _EXTERNAL)


@dataclass(frozen=True)
class _Record:
    """A TensorProto: the field that opens it and all before its bytes, which follow unless they are external."""

    weight: Weight
    head: bytes
    slot: _Slot | None

    @property
    def size(self) -> int:
        """The number of bytes in the model file."""
        return len(self.head) + (0 if self.slot else self.weight.nbytes)


def write_model(path: Path, model: Any, graph: Any, weights: Sequence[Weight], external: bool = False) -> None:
    """Write a model.

    Args:
        path: the new file.
        model: a `ModelProto` without its graph.
        graph: the `GraphProto` without initializers.
        weights: the initializers.
        external: put the bytes of large tensors beside the model even if it is small.

    Raises:
        EmitError: the model without its weights is larger than protobuf allows.
    """
    head = model.SerializeToString(deterministic=True)
    body = graph.SerializeToString(deterministic=True)
    beside = path.with_name(f"{path.stem}.data")
    records = [_record(w, None) for w in weights]
    if external or _total(head, body, records) > MODEL_LIMIT:
        records = [_record(w, s) for w, s in zip(weights, _slots(beside.name, weights), strict=True)]
    if _total(head, body, records) > MODEL_LIMIT:
        raise EmitError("the model without its weights takes more than 2 GiB", where=str(path))
    with path.open("wb") as file:
        file.write(head)
        file.write(open_field(_MODEL_GRAPH, len(body) + sum(r.size for r in records)))
        file.write(body)
        for record in records:
            file.write(record.head)
            if record.slot is None and record.weight.nbytes:
                _write_bytes(file, record.weight)
    if any(r.slot for r in records):
        _write_data(beside, records)


def _write_data(path: Path, records: Sequence[_Record]) -> None:
    with path.open("wb") as file:
        for record in records:
            if record.slot is not None:
                file.write(bytes(record.slot.offset - file.tell()))
                _write_bytes(file, record.weight)


def _write_bytes(file: BufferedWriter, weight: Weight) -> None:
    for chunk in raw_chunks(weight.data):
        file.write(chunk)


def _slots(file: str, weights: Sequence[Weight]) -> list[_Slot | None]:
    slots: list[_Slot | None] = []
    end = 0
    for weight in weights:
        if weight.nbytes < INLINE:
            slots.append(None)
            continue
        offset = -(-end // ALIGN) * ALIGN
        slots.append(_Slot(file, offset, weight.nbytes))
        end = offset + weight.nbytes
    return slots


def _record(weight: Weight, slot: _Slot | None) -> _Record:
    dims = b"".join(number_field(_DIMS, d) for d in weight.shape)
    fields = dims + number_field(_DATA_TYPE, CODES[weight.dtype]) + bytes_field(_NAME, weight.name.encode())
    if weight.dtype is DType.STRING:
        fields += b"".join(bytes_field(_STRING_DATA, t.encode()) for t in weight.data.reshape(-1).tolist())
    else:
        fields += slot.fields() if slot else open_field(_RAW_DATA, weight.nbytes)
    size = len(fields) + (0 if slot else weight.nbytes)
    return _Record(weight, open_field(_GRAPH_INITIALIZER, size) + fields, slot)


def _total(head: bytes, body: bytes, records: Sequence[_Record]) -> int:
    size = len(body) + sum(r.size for r in records)
    return len(head) + len(open_field(_MODEL_GRAPH, size)) + size
