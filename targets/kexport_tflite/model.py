"""A TF Lite model as plain data, before it becomes bytes; no schema class and no third-party import."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kexport.ir.dim import Dim
from kexport.ir.op import Array
from kexport.ir.types import DType, TensorType
from kexport.rewrite.grids import Grid

NO_TENSOR = -1
"""The index of an operand that is left out."""
_CHUNK = 4 << 20
_LINE = 16
"""At least so many rows at a time: of a transposed matrix they share the lines of the processor's cache."""


@dataclass(frozen=True)
class Content:
    """What a buffer holds: an array or a view of one, converted to `dtype` and laid out only while it is written."""

    array: Array
    dtype: np.dtype[Any]

    @property
    def nbytes(self) -> int:
        return self.array.size * self.dtype.itemsize

    def chunks(self) -> Iterator[bytes | memoryview]:
        """The bytes in row-major order, a few megabytes at a time."""
        if self.array.size == 0:
            return
        if self.array.flags.c_contiguous and self.array.dtype == self.dtype:
            yield self.array.reshape(-1).view(np.uint8).data
            return
        rows = self.array if self.array.ndim else self.array.reshape(1)
        step = max(_LINE, _CHUNK // max(1, self.nbytes // len(rows)))
        for start in range(0, len(rows), step):
            near = rows[start : start + step].astype(self.dtype, order="K")  # as it lies in memory, to fit the cache
            yield near.tobytes()


@dataclass
class Tensor:
    """A tensor. `shape` has default sizes for dynamic dims, `signature` has -1 for them; it is None without any."""

    name: str
    dtype: DType
    shape: tuple[int, ...]
    signature: tuple[int, ...] | None
    buffer: int = 0
    grid: Grid | None = None
    """The real numbers that its integers stand for; None for plain numbers."""

    @property
    def dims(self) -> tuple[int, ...]:
        """The shape, -1 where it is dynamic."""
        return self.signature or self.shape

    @staticmethod
    def of(name: str, type: TensorType, buffer: int = 0, sizes: Mapping[str, Dim] | None = None) -> Tensor:
        """The tensor for a value of this type; `sizes` are the defaults of symbols, 1 where they leave any.

        At these sizes there may be less than nothing left of a vector on the way to a size.
        """
        dims = tuple(d if isinstance(d, int) else -1 for d in type.shape)
        bound = type.bind(sizes or {}).shape
        shape = tuple(max(0, d) if isinstance(d, int) else 1 for d in bound)
        return Tensor(name, type.dtype, shape, dims if -1 in dims else None, buffer)


@dataclass
class Operator:
    """One call of a builtin operator; `options` are fields of its options table in snake_case, enums as words."""

    op: str
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any]


@dataclass
class Subgraph:
    """A list of operators over numbered tensors."""

    name: str
    tensors: list[Tensor] = field(default_factory=list)
    operators: list[Operator] = field(default_factory=list)
    inputs: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)


@dataclass
class Signature:
    """Public names of tensors, in the order of the contract."""

    key: str
    subgraph: int
    inputs: dict[str, int]
    outputs: dict[str, int]


@dataclass
class Model:
    """The whole file. Buffer 0 is empty, as the format wants it."""

    description: str = ""
    subgraphs: list[Subgraph] = field(default_factory=list)
    buffers: list[Content | None] = field(default_factory=lambda: [None])
    signatures: list[Signature] = field(default_factory=list)
    metadata: dict[str, int] = field(default_factory=dict)
    """Name -> buffer."""

    def add_buffer(self, array: Array, dtype: np.dtype[Any] | None = None) -> int:
        """The index of a new buffer."""
        self.buffers.append(Content(array, dtype or array.dtype))
        return len(self.buffers) - 1

    def add_metadata(self, name: str, blob: bytes) -> None:
        """Attach bytes under a name."""
        self.metadata[name] = self.add_buffer(np.frombuffer(blob, np.uint8))
