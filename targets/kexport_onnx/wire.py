"""The protobuf wire format, as much of it as streaming a model needs.

Source: https://protobuf.dev/programming-guides/encoding. A message is a sequence of fields; each begins with a varint
`number << 3 | wire type`. Wire type 0 is a varint, 1 is 8 bytes, 2 is a length and that many bytes, 5 is 4 bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kexport.errors import EmitError

_FIXED = {1: 8, 5: 4}


class Field(NamedTuple):
    """A field of a message: its number, and where its payload lies; `value` is set for varints."""

    number: int
    start: int
    end: int
    value: int | None
    head: int
    """Where the field itself begins."""


def varint(value: int) -> bytes:
    """A non-negative integer, seven bits a byte, the lowest first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number_field(number: int, value: int) -> bytes:
    """A whole field that holds a non-negative integer."""
    return varint(number << 3) + varint(value)


def open_field(number: int, size: int) -> bytes:
    """What comes before the `size` bytes of a field that holds bytes, a string or a message."""
    return varint(number << 3 | 2) + varint(size)


def bytes_field(number: int, payload: bytes) -> bytes:
    """A whole field that holds bytes, a string or a message."""
    return open_field(number, len(payload)) + payload


def fields(data: memoryview, start: int = 0, end: int | None = None) -> Iterator[Field]:
    """The fields of the message in `data[start:end]`; payloads are not copied.

    Raises:
        EmitError: the message is cut off or is not protobuf.
    """
    end = len(data) if end is None else end
    while start < end:
        head = start
        key, start = _read_varint(data, start, end)
        number = key >> 3
        kind = key & 7
        value = None
        if kind == 0:
            value, stop = _read_varint(data, start, end)
        elif kind == 2:
            size, start = _read_varint(data, start, end)
            stop = start + size
        elif kind in _FIXED:
            stop = start + _FIXED[kind]
        else:
            raise EmitError(f"the file is damaged: unknown wire type {kind} at byte {head}")
        if stop > end:
            raise EmitError(f"the file is cut off: field {number} at byte {head} needs {stop - end} bytes more")
        yield Field(number, start, stop, value, head)
        start = stop


def _read_varint(data: memoryview, start: int, end: int) -> tuple[int, int]:
    value = 0
    for i in range(10):
        if start + i >= end:
            raise EmitError(f"the file is cut off at byte {end}")
        byte = data[start + i]
        value |= (byte & 0x7F) << 7 * i
        if byte < 0x80:
            return value, start + i + 1
    raise EmitError(f"the file is damaged: a number at byte {start} does not end")
