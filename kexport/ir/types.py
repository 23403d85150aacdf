"""Element types and tensor types."""

from __future__ import annotations

import enum
import importlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from kexport.errors import GraphError
from kexport.ir.dim import LARGEST, Dim, SymDim, product, substitute
from kexport.ir.dim_parser import parse_dim


class DType(enum.Enum):
    """The element types of the graph; the value is the name in the text form."""

    F16 = "f16"
    BF16 = "bf16"
    F32 = "f32"
    F64 = "f64"
    I4 = "i4"
    I8 = "i8"
    I16 = "i16"
    I32 = "i32"
    I64 = "i64"
    U4 = "u4"
    U8 = "u8"
    U16 = "u16"
    U32 = "u32"
    U64 = "u64"
    BOOL = "bool"
    C64 = "c64"
    STRING = "string"

    def __str__(self) -> str:
        return self.value

    @cached_property
    def numpy(self) -> np.dtype[Any]:
        """The numpy dtype (ml_dtypes' for bf16 and the 4-bit integers).

        Raises:
            GraphError: the type needs ml_dtypes, which is not installed.
        """
        if _NUMPY[self.value] is None:
            raise GraphError(f"the element type {self} needs the package ml_dtypes", hint="pip install ml_dtypes")
        return np.dtype(_NUMPY[self.value])

    @property
    def is_float(self) -> bool:
        return self.value in ("f16", "bf16", "f32", "f64")

    @property
    def is_int(self) -> bool:
        return self.value[0] in "iu"

    @staticmethod
    def parse(text: str) -> DType:
        """Read `f32`.

        Raises:
            GraphError: there is no such element type.
        """
        if text not in _NUMPY:
            raise GraphError(f"{text!r} is not an element type", hint=f"one of {', '.join(_NUMPY)}")
        return DType(text)

    @staticmethod
    def of(dtype: Any) -> DType:
        """The DType of a numpy dtype, array scalar type or dtype name.

        Raises:
            GraphError: no such element type.
        """
        key = np.dtype(dtype)
        if key not in _BY_NUMPY:
            raise GraphError(f"element type {key} is not supported")
        return _BY_NUMPY[key]


def _extension(name: str) -> Any:
    """Return an element type of ml_dtypes; None if only NumPy is installed, as on boards that replay a check."""
    try:
        return getattr(importlib.import_module("ml_dtypes"), name)
    except ModuleNotFoundError:
        return None


_NUMPY: dict[str, Any] = {
    "f16": np.float16, "bf16": _extension("bfloat16"), "f32": np.float32, "f64": np.float64,
    "i4": _extension("int4"), "i8": np.int8, "i16": np.int16, "i32": np.int32, "i64": np.int64,
    "u4": _extension("uint4"), "u8": np.uint8, "u16": np.uint16, "u32": np.uint32, "u64": np.uint64,
    "bool": np.bool_, "c64": np.complex64, "string": np.object_,
}  # fmt: skip
_BY_NUMPY = {np.dtype(v): DType(k) for k, v in _NUMPY.items() if v is not None}
HALF = tuple(np.dtype(_NUMPY[d]) for d in ("f16", "bf16") if _NUMPY[d] is not None)
"""Return the 16-bit floats as numpy dtypes."""
MAX_RANK = 64
"""The most axes of a tensor, as in NumPy."""
_SHOWN = 60
"""The most characters of a type in a text that we did not write."""
_TYPE = re.compile(r"\s*(\w+)\s*\[(.*)\]\s*", re.DOTALL)


@dataclass(frozen=True)
class TensorType:
    """Element type and shape; the rank is always known, a dim may be symbolic. Printed `f32[batch,224,224,3]`."""

    dtype: DType
    shape: tuple[Dim, ...]

    def __str__(self) -> str:
        return f"{self.dtype}[{','.join(map(str, self.shape))}]"

    __repr__ = __str__

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def is_static(self) -> bool:
        return not any(isinstance(d, SymDim) for d in self.shape)

    @property
    def numel(self) -> Dim:
        """The number of elements."""
        return product(self.shape)

    def check(self) -> None:
        """Require sizes that a tensor can have.

        Raises:
            GraphError: too many axes, or an axis with a negative or too large a size.
        """
        check_rank(self.rank)
        wrong = [d for d in self.shape if isinstance(d, int) and not 0 <= d <= LARGEST]
        if wrong:
            raise GraphError(f"no tensor has an axis of size {str(wrong[0])[:_SHOWN]}")

    def with_shape(self, shape: Any) -> TensorType:
        return TensorType(self.dtype, tuple(shape))

    def with_dtype(self, dtype: DType) -> TensorType:
        return TensorType(dtype, self.shape)

    def bind(self, values: Mapping[str, Dim]) -> TensorType:
        """Replace symbols."""
        return self.with_shape(substitute(d, values) for d in self.shape)

    @staticmethod
    def of(array: np.ndarray[Any, Any]) -> TensorType:
        """Return the type of a numpy array."""
        return TensorType(DType.of(array.dtype), tuple(array.shape))

    @staticmethod
    def parse(text: str) -> TensorType:
        """Read `f32[batch,3]`.

        Raises:
            GraphError: the text is not a type.
        """
        match = _TYPE.fullmatch(text)
        if not match or match[1] not in _NUMPY:
            shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
            raise GraphError(f"{shown!r} is not a tensor type", hint="write for example f32[batch,224,224,3]")
        sizes = split_top(match[2])
        check_rank(len(sizes))
        found = TensorType(DType(match[1]), tuple(parse_dim(d) for d in sizes))
        found.check()
        return found


def check_rank(rank: int) -> None:
    """Require no more axes than a tensor can have.

    Raises:
        GraphError: there are more.
    """
    if rank > MAX_RANK:
        raise GraphError(f"no tensor has {rank} axes, {MAX_RANK} are the most")


def element_count(sizes: Sequence[int]) -> int:
    """Return the number of elements of a shape given in a file.

    Raises:
        GraphError: it has more axes than a tensor can have.
    """
    check_rank(len(sizes))
    return prod(sizes)


def split_top(text: str) -> list[str]:
    """Split at commas outside parentheses; empty text gives no piece."""
    pieces: list[str] = []
    depth = start = 0
    for i, c in enumerate(text):
        depth += (c in "([{") - (c in ")]}")
        if c == "," and not depth:
            pieces.append(text[start:i])
            start = i + 1
    pieces.append(text[start:])
    return [p.strip() for p in pieces if p.strip()]
