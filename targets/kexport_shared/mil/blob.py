"""Reads weight.bin (MIL blob storage, version 2): a header, then entries that point at data."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kexport.errors import VerifyError
from kexport_shared.mil.dtypes import DType, unpack

HEADER = struct.Struct("<II")
ENTRY = struct.Struct("<IIQQQ")
SENTINEL = 0xDEADBEEF
VERSION = 2
ALIGNMENT = 64


class Entry(NamedTuple):
    """The metadata of one stored tensor; `spare` counts the unused bits at the end of narrow data."""

    blob: int
    size: int
    offset: int
    spare: int


class WeightFile:
    """A weight file, mapped into memory: values are read where they lie."""

    def __init__(self, path: Path):
        self._path = path
        with path.open("rb") as file:
            self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if len(self._data) < ALIGNMENT:
            raise self._wrong("it is shorter than its header")
        self.count, version = HEADER.unpack_from(self._data)
        if version != VERSION:
            raise self._wrong(f"its version is {version}, not {VERSION}")

    def entry(self, offset: int) -> Entry:
        """The metadata at an offset."""
        if offset % ALIGNMENT or offset + ALIGNMENT > len(self._data):
            raise self._wrong(f"there is no entry at offset {offset}")
        sentinel, blob, size, where, spare = ENTRY.unpack_from(self._data, offset)
        if sentinel != SENTINEL:
            raise self._wrong(f"the entry at offset {offset} does not start with its mark")
        if where % ALIGNMENT or where + size > len(self._data):
            raise self._wrong(f"the data of the entry at offset {offset} lies outside the file")
        return Entry(blob, size, where, spare)

    def read(self, offset: int, dtype: DType, shape: tuple[int, ...]) -> np.ndarray:
        """The tensor whose metadata lies at `offset`, checked against the type the program declares."""
        entry = self.entry(offset)
        if entry.blob != dtype.blob:
            raise self._wrong(f"the entry at offset {offset} holds type {entry.blob}, the program says {dtype.name}")
        count = int(np.prod(shape, dtype=np.int64))
        if entry.size * 8 - entry.spare != count * dtype.bits:
            raise self._wrong(f"the entry at offset {offset} holds {entry.size} bytes, not {count} values")
        raw = np.frombuffer(self._data, np.uint8, entry.size, entry.offset)
        return unpack(raw, dtype, count).reshape(shape)

    def _wrong(self, what: str) -> VerifyError:
        return VerifyError(f"weights cannot be read: {what}", where=str(self._path))
