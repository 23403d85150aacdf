"""Reads and writes safetensors files with NumPy alone, as small boards have nothing else.

The layout: eight bytes with the length of the header, the header in JSON, the bytes of the tensors without gaps. The
bytes are those that the safetensors package writes.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from kexport.documents.malformed import Malformed
from kexport.documents.read import parse_json
from kexport.ir.op import Array

DTYPES = {
    "U64": np.dtype("<u8"),
    "I64": np.dtype("<i8"),
    "F64": np.dtype("<f8"),
    "C64": np.dtype("<c8"),
    "F32": np.dtype("<f4"),
    "U32": np.dtype("<u4"),
    "I32": np.dtype("<i4"),
    "F16": np.dtype("<f2"),
    "U16": np.dtype("<u2"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype(np.bool_),
}
"""The element types, in the order of their tensors in a file."""
METADATA = "__metadata__"
_NAMES = {dtype: name for name, dtype in DTYPES.items()}
_ORDER = list(DTYPES)
_LONGEST_HEADER = 100_000_000
"""Bytes; the format's own limit."""


def write_file(file: BinaryIO, tensors: Mapping[str, Array], metadata: Mapping[str, str]) -> None:
    """Write contiguous arrays and strings by name."""
    names = sorted(tensors, key=lambda name: (_ORDER.index(_NAMES[tensors[name].dtype]), name))
    header: dict[str, Any] = {METADATA: dict(metadata)}
    at = 0
    for name in names:
        array = tensors[name]
        offsets = [at, at := at + array.nbytes]
        header[name] = {"dtype": _NAMES[array.dtype], "shape": list(array.shape), "data_offsets": offsets}
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    file.write(struct.pack("<Q", len(text)) + text)
    for name in names:
        file.write(np.ascontiguousarray(tensors[name]).reshape(-1).view(np.uint8).data)


def read_file(path: Path) -> tuple[dict[str, Array], dict[str, str]]:
    """Read the arrays and the strings of a file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is cut off, damaged or of another format.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", _read(file, 8))
        if length > min(_LONGEST_HEADER, size - 8):
            raise ValueError("the header is longer than the file")
        header = _header(_read(file, length))
        metadata = header.pop(METADATA, {})
        data = np.fromfile(file, np.uint8)
    try:
        places = {name: _place(name, entry) for name, entry in header.items()}
        strings = {str(k): str(v) for k, v in metadata.items()}
    except (KeyError, TypeError, AttributeError, ValueError) as e:
        raise ValueError(f"the header makes no sense: {e}") from e
    _check_order(places, len(data))
    try:
        return {name: _array(data, *place) for name, place in places.items()}, strings
    except (OverflowError, ValueError) as e:  # an axis of size 0 beside one that is too large, or too many axes
        raise ValueError(f"the header makes no sense: {e}") from e


_Place = tuple[np.dtype[Any], tuple[int, ...], int, int]
"""Element type, shape, first byte, byte after the last."""


def _header(text: bytes) -> dict[str, Any]:
    try:
        header = parse_json(text, size=_LONGEST_HEADER)
    except Malformed as e:
        raise ValueError(f"the header: {e}") from e
    if not isinstance(header, dict):
        raise ValueError("the header is no object")
    return header


def _place(name: str, entry: Mapping[str, Any]) -> _Place:
    dtype = DTYPES[entry["dtype"]]
    shape = tuple(entry["shape"])
    start, stop = entry["data_offsets"]
    if not all(type(n) is int and n >= 0 for n in (*shape, start, stop)):
        raise ValueError(f"{name!r} has sizes that are no sizes")
    if stop - start != prod(shape) * dtype.itemsize:
        raise ValueError(f"{name!r} has {stop - start} bytes for {dtype}{list(shape)}")
    return dtype, shape, start, stop


def _check_order(places: Mapping[str, _Place], size: int) -> None:
    """Raise ValueError unless the tensors fill the data without gaps."""
    end = 0
    for start, stop in sorted((start, stop) for _, _, start, stop in places.values()):
        if start != end:
            raise ValueError(f"tensors overlap or leave a gap at byte {min(start, end)}")
        end = stop
    if end != size:
        raise ValueError(f"the tensors take {end} bytes, the file has {size}")


def _array(data: Array, dtype: np.dtype[Any], shape: tuple[int, ...], start: int, stop: int) -> Array:
    array = data[start:stop].view(dtype).reshape(shape)
    return array if array.flags.aligned else array.copy()


def _read(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) != size:
        raise ValueError(f"{size} bytes expected, {len(data)} found")
    return data
