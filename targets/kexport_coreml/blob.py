"""The weight file, version 2: a header, and for each weight 64 bytes about it and its data, both at multiples of 64.

The format is that of MILBlob in coremltools (StorageFormat.hpp).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from kexport.ir.op import Array
from kexport.ir.types import DType
from kexport_coreml.dtypes import BLOB_CODES

ALIGN = 64
CHUNK = 1 << 19
"""Elements converted at a time."""
SENTINEL = 0xDEADBEEF
HEADER = struct.Struct("<II7Q")
ENTRY = struct.Struct("<IIQQQ4Q")
VERSION = 2
_LEAST_NORMAL = np.float32(2.0**-14)


@dataclass(frozen=True)
class Weight:
    """A constant in the weight file: the elements of `data` in C order, as `dtype`."""

    data: Array
    dtype: DType

    @property
    def nbytes(self) -> int:
        return prod(self.data.shape) * self.dtype.numpy.itemsize


def entry_offsets(weights: Sequence[Weight]) -> list[int]:
    """Return the offset of each weight's entry, the `offset` of a blob value. The data follow 64 bytes later."""
    offsets: list[int] = []
    end = HEADER.size
    for weight in weights:
        offsets.append(-(-end // ALIGN) * ALIGN)
        end = offsets[-1] + ENTRY.size + weight.nbytes
    return offsets


def write_blob(path: Path, weights: Sequence[Weight]) -> None:
    """Write the weight file without a second copy of a weight in memory."""
    with path.open("wb") as file:
        file.write(HEADER.pack(len(weights), VERSION, *(0,) * 7))
        for weight, offset in zip(weights, entry_offsets(weights), strict=True):
            file.write(bytes(offset - file.tell()))
            code = BLOB_CODES[weight.dtype]
            file.write(ENTRY.pack(SENTINEL, code, weight.nbytes, offset + ENTRY.size, 0, 0, 0, 0, 0))
            for chunk in chunks(weight.data, weight.dtype):
                file.write(chunk)


def _converted(data: Array, dtype: np.dtype[Any]) -> Array:
    """A contiguous copy as `dtype`. numpy takes 30 times as long for each float16 below its normal range.

    Those are multiples of 2**-24, and their bits the factor.
    """
    if dtype != np.float16 or data.dtype != np.float32:
        return np.ascontiguousarray(data, dtype)
    data = np.ascontiguousarray(data)
    tiny = np.abs(data) < _LEAST_NORMAL
    if not tiny.any():
        return data.astype(dtype)
    found = np.where(tiny, np.float32(0), data).astype(dtype)
    factors = np.rint(np.abs(data[tiny]) * np.float32(1 << 24)).astype(np.uint16)
    found.view(np.uint16)[tiny] = factors | (np.signbit(data[tiny]).astype(np.uint16) << 15)
    return found


def chunks(data: Array, dtype: DType) -> Iterator[memoryview]:
    """The bytes of an array as `dtype`, in C order, a piece at a time."""
    little = dtype.numpy.newbyteorder("<")
    if data.size <= CHUNK or data.ndim == 0:
        yield _converted(data, little).reshape(-1).view(np.uint8).data
        return
    rows = max(1, CHUNK // prod(data.shape[1:]))
    for i in range(0, data.shape[0], rows):
        piece = data[i : i + rows]
        if data.ndim > 1 and piece.shape[0] == 1 and piece.size > CHUNK:
            yield from chunks(piece[0], dtype)
        else:
            yield _converted(piece, little).reshape(-1).view(np.uint8).data
