"""Checks the weight file, and what a program takes from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kexport.ir.types import DType
from kexport_coreml.blob import ALIGN, ENTRY, HEADER, SENTINEL, VERSION
from kexport_coreml.dtypes import BLOB_CODES


@dataclass
class WeightFile:
    """The entries of a weight file: code of the element type and number of bytes, by offset."""

    size: int = 0
    entries: dict[int, tuple[int, int]] = field(default_factory=dict[int, "tuple[int, int]"])
    problems: list[str] = field(default_factory=list[str])

    @staticmethod
    def read(path: Path) -> WeightFile:
        """Read the entries; a program without weights has no file."""
        found = WeightFile()
        if not path.exists():
            return found
        found.size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(HEADER.size)
            if len(head) < HEADER.size or HEADER.unpack(head)[1] != VERSION:
                found.problems.append("the weight file does not begin as one of version 2 does")
                return found
            offset = HEADER.size
            for _ in range(HEADER.unpack(head)[0]):
                file.seek(offset)
                entry = file.read(ENTRY.size)
                if len(entry) < ENTRY.size or ENTRY.unpack(entry)[0] != SENTINEL:
                    found.problems.append(f"the weight file has no entry at {offset}")
                    break
                _, code, nbytes, start, *_ = ENTRY.unpack(entry)
                if start + nbytes > found.size:
                    found.problems.append(f"the weight file ends before the weight at {offset} does")
                    break
                found.entries[offset] = (code, nbytes)
                behind = -(-(start + nbytes) // ALIGN) * ALIGN
                if behind <= offset:
                    found.problems.append(f"the weight at {offset} lies before its entry")
                    break
                offset = behind
        return found

    def check(self, offset: int, dtype: DType, nbytes: int) -> Iterator[str]:
        """What is wrong with a reference to a weight."""
        if offset not in self.entries:
            yield f"there is no weight at offset {offset}"
            return
        if self.entries[offset] != (BLOB_CODES.get(dtype), nbytes):
            code, found = self.entries[offset]
            yield f"the weight at offset {offset} has {found} bytes of type {code}, not {nbytes} of {dtype}"
