"""The weights of a graph model: shards of 4 MiB, in full or reduced precision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from kexport.ir.op import Array
from kexport.ir.types import DType
from kexport_shared.graphdef.nodes import Const

SHARD = 4 << 20
"""Bytes in a file; what browsers keep in their caches."""
MIN_REDUCED = 64
"""Weights of fewer elements stay as they are: biases, scales, numbers in formulas."""
_LEVELS = {"uint8": 255, "uint16": 65535}


def encode(const: Const, precision: str) -> dict[str, Any]:
    """How a constant is stored, as the manifest states it; empty for as it is.

    Integers of 8 or 16 bits stand for `min + scale * integer`.
    """
    if const.data.dtype in (np.int8, np.uint8) and const.data.size >= MIN_REDUCED:
        return {"dtype": "uint8", "min": int(const.data.min()), "scale": 1, "original_dtype": const.dtype.numpy.name}
    if precision == "float32" or const.dtype is not DType.F32 or const.data.size < MIN_REDUCED or len(const.shape) < 2:
        return {}
    if precision == "float16":
        most = float(np.abs(const.data).max())
        return {"dtype": "float16", "original_dtype": "float32"} if most <= float(np.finfo(np.float16).max) else {}
    low = float(const.data.min())
    high = float(const.data.max())
    scale = (high - low) / _LEVELS[precision]
    if not np.isfinite(scale) or scale == 0:
        return {}
    return {"dtype": precision, "min": low, "scale": scale, "original_dtype": "float32"}


def reduced(array: Array, how: dict[str, Any]) -> Array:
    """The elements as they are stored."""
    if not how:
        return array
    if how["dtype"] == "float16":
        return array.astype(np.float16)
    steps = np.round((array.astype(np.float64) - how["min"]) / how["scale"])
    return np.clip(steps, 0, _LEVELS[how["dtype"]]).astype(how["dtype"])


class Shards:
    """The files that weights are written to, one after the other."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._files: list[Path] = []
        self._left = 0
        self._file: Any = None

    def add(self, name: str, array: Array, how: dict[str, Any]) -> dict[str, Any]:
        """Append a weight; returns its entry in the manifest."""
        stored = reduced(array, how)
        entry = {"name": name, "shape": list(array.shape), "dtype": array.dtype.name}
        little = stored.dtype.newbyteorder("<")
        self._write(np.ascontiguousarray(stored, little).reshape(-1).view(np.uint8).data)
        return {**entry, "quantization": how} if how else entry

    def close(self) -> list[str]:
        """The names of the files, in order; they get their final names here."""
        if self._file:
            self._file.close()
        count = len(self._files)
        names = list[str]()
        for i, file in enumerate(self._files, 1):
            names.append(f"group1-shard{i}of{count}.bin")
            file.rename(self._folder / names[-1])
        return names

    def _write(self, data: memoryview) -> None:
        while len(data):
            if not self._left:
                self._next()
            piece = data[: self._left]
            self._file.write(piece)
            self._left -= len(piece)
            data = data[len(piece) :]

    def _next(self) -> None:
        if self._file:
            self._file.close()
        self._files.append(self._folder / f"part{len(self._files)}")
        self._file = self._files[-1].open("wb")
        self._left = SHARD
