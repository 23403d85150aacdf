"""Protobuf's wire format: messages made of parts that are written one after the other, and read without copying."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import numpy as np

from kexport.errors import EmitError
from kexport_shared.graphdef.nodes import Const

VARINT = 0
FIXED64 = 1
BYTES = 2
FIXED32 = 5
"""Wire types: how the value of a field is written."""
_MAX_VARINT = 10


class Message:
    """A message under construction. Constants in it are converted when it is written, one at a time."""

    def __init__(self) -> None:
        self.parts: list[bytes | Const] = []
        self.size = 0

    def int(self, number: int, value: int) -> Message:
        """Append an integer field; negative ones take ten bytes."""
        return self._append(_varint(number << 3 | VARINT) + _varint(value & (1 << 64) - 1))

    def float(self, number: int, value: float) -> Message:
        """Append a 32-bit float field."""
        return self._append(_varint(number << 3 | FIXED32) + struct.pack("<f", value))

    def bytes(self, number: int, value: bytes | str) -> Message:
        """Append a field of bytes or text."""
        data = value.encode() if isinstance(value, str) else value
        return self._append(_varint(number << 3 | BYTES) + _varint(len(data)) + data)

    def message(self, number: int, value: Message) -> Message:
        """Append a message."""
        self._append(_varint(number << 3 | BYTES) + _varint(value.size))
        self.parts += value.parts
        self.size += value.size
        return self

    def const(self, number: int, value: Const) -> Message:
        """Append the elements of a constant as bytes."""
        size = int(np.prod(value.shape, dtype=np.int64)) * value.dtype.numpy.itemsize
        self._append(_varint(number << 3 | BYTES) + _varint(size))
        self.parts.append(value)
        self.size += size
        return self

    def write(self, file: BinaryIO) -> None:
        """Write all parts."""
        for part in self.parts:
            if isinstance(part, bytes):
                file.write(part)
            else:
                array = part.array()
                file.write(array.astype(array.dtype.newbyteorder("<"), copy=False).reshape(-1).view(np.uint8).data)

    def _append(self, data: bytes) -> Message:
        self.parts.append(data)
        self.size += len(data)
        return self


def entry(key: str, value: Message) -> Message:
    """An entry of a map from text to messages."""
    return Message().bytes(1, key).message(2, value)


class Field(NamedTuple):
    """A field of a message: its number, its value as an integer or as a stretch of bytes, and how it is written."""

    number: int
    value: int
    data: memoryview
    wire: int = BYTES

    @property
    def text(self) -> str:
        return bytes(self.data).decode()


def fields(data: memoryview) -> Iterator[Field]:
    """The fields of a message.

    Raises:
        EmitError: the bytes are no message.
    """
    at = 0
    try:
        while at < len(data):
            tag, at = _read_varint(data, at)
            kind = tag & 7
            if kind == VARINT:
                value, at = _read_varint(data, at)
                yield Field(tag >> 3, value - (1 << 64) if value >> 63 else value, data[:0], kind)
                continue
            size = {FIXED64: 8, FIXED32: 4}.get(kind, 0)
            if kind == BYTES:
                size, at = _read_varint(data, at)
            elif not size:
                raise EmitError(f"field {tag >> 3} has unknown wire type {kind}")
            if at + size > len(data):
                raise EmitError(f"field {tag >> 3} is cut off")
            yield Field(tag >> 3, 0, data[at : at + size], kind)
            at += size
    except IndexError as e:
        raise EmitError("a message is cut off") from e


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for i in range(_MAX_VARINT):
        byte = data[at + i]
        value |= (byte & 0x7F) << 7 * i
        if byte < 0x80:
            return value & (1 << 64) - 1, at + i + 1
    raise EmitError("a number does not end")
