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
from kexport_onnx.dtypes import code, raw_chunks, raw_size
from kexport_onnx.wire import bytes_field, number_field, open_field

MODEL_LIMIT = 2**31 - 1
"""The most bytes that a protobuf message can have."""
INLINE = 1024
"""Tensors of fewer bytes stay in the model file: shape inference reads them."""
ALIGN = 4096
"""External tensors begin at multiples of a page, so that runtimes can map them into memory."""

# Field numbers of onnx.proto.
_MODEL_GRAPH, _GRAPH_INITIALIZER = 7, 5
_DIMS, _DATA_TYPE, _NAME, _RAW_DATA, _EXTERNAL_DATA, _DATA_LOCATION = 1, 2, 8, 9, 13, 14
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
        """The number of bytes in the file."""
        return raw_size(self.dtype, prod(self.shape))


@dataclass(frozen=True)
class _Slot:
    """The place of an external tensor in the data file."""

    file: str
    offset: int
    length: int

    def entries(self) -> bytes:
        pairs = {"location": self.file, "offset": str(self.offset), "length": str(self.length)}
        packed = (bytes_field(1, k.encode()) + bytes_field(2, v.encode()) for k, v in pairs.items())
        return b"".join(bytes_field(_EXTERNAL_DATA, p) for p in packed) + number_field(_DATA_LOCATION, _EXTERNAL)


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
    head, body = model.SerializeToString(deterministic=True), graph.SerializeToString(deterministic=True)
    slots: list[_Slot | None] = [None] * len(weights)
    if external or _total(head, body, weights, slots) > MODEL_LIMIT:
        slots = _slots(f"{path.stem}.data", weights)
    if _total(head, body, weights, slots) > MODEL_LIMIT:
        raise EmitError("the model without its weights takes more than 2 GiB", where=str(path))
    with path.open("wb") as file:
        file.write(head)
        file.write(open_field(_MODEL_GRAPH, _graph_size(body, weights, slots)))
        file.write(body)
        for weight, slot in zip(weights, slots, strict=True):
            _write_tensor(file, weight, slot)
    if any(slots):
        _write_data(path.with_name(f"{path.stem}.data"), weights, slots)


def _write_tensor(file: BufferedWriter, weight: Weight, slot: _Slot | None) -> None:
    fields = _tensor_fields(weight, slot)
    file.write(open_field(_GRAPH_INITIALIZER, _tensor_size(weight, slot)))
    file.write(fields)
    if slot is None:
        file.write(open_field(_RAW_DATA, weight.nbytes))
        _write_bytes(file, weight)


def _write_data(path: Path, weights: Sequence[Weight], slots: Sequence[_Slot | None]) -> None:
    with path.open("wb") as file:
        for weight, slot in zip(weights, slots, strict=True):
            if slot is not None:
                file.write(bytes(slot.offset - file.tell()))
                _write_bytes(file, weight)


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


def _tensor_fields(weight: Weight, slot: _Slot | None) -> bytes:
    """All of a TensorProto but its raw data."""
    dims = b"".join(number_field(_DIMS, d) for d in weight.shape)
    start = dims + number_field(_DATA_TYPE, code(weight.dtype)) + bytes_field(_NAME, weight.name.encode())
    return start if slot is None else start + slot.entries()


def _tensor_size(weight: Weight, slot: _Slot | None) -> int:
    raw = len(open_field(_RAW_DATA, weight.nbytes)) + weight.nbytes if slot is None else 0
    return len(_tensor_fields(weight, slot)) + raw


def _graph_size(body: bytes, weights: Sequence[Weight], slots: Sequence[_Slot | None]) -> int:
    sizes = [_tensor_size(w, s) for w, s in zip(weights, slots, strict=True)]
    return len(body) + sum(len(open_field(_GRAPH_INITIALIZER, size)) + size for size in sizes)


def _total(head: bytes, body: bytes, weights: Sequence[Weight], slots: Sequence[_Slot | None]) -> int:
    size = _graph_size(body, weights, slots)
    return len(head) + len(open_field(_MODEL_GRAPH, size)) + size
