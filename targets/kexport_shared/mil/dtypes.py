"""The element types of MIL: their codes in the program and in the weight file, their width and what holds them here."""

from __future__ import annotations

from typing import NamedTuple

import ml_dtypes
import numpy as np

from kexport.errors import VerifyError


class DType(NamedTuple):
    """One element type: `code` in the program, `blob` in the weight file, `holder` the numpy type of its values."""

    name: str
    code: int
    blob: int | None
    bits: int
    holder: np.dtype

    @property
    def is_float(self) -> bool:
        """Whether values are real numbers."""
        return self.name.startswith(("fp", "bf"))


def _row(name: str, code: int, blob: int | None, bits: int, holder: object) -> DType:
    return DType(name, code, blob, bits, np.dtype(holder))  # type: ignore[call-overload]


DTYPES = (
    _row("bool", 1, None, 8, np.bool_),
    _row("fp16", 10, 1, 16, np.float16),
    _row("fp32", 11, 2, 32, np.float32),
    _row("fp64", 12, None, 64, np.float64),
    _row("bf16", 13, 5, 16, ml_dtypes.bfloat16),
    _row("int8", 21, 4, 8, np.int8),
    _row("int16", 22, 6, 16, np.int16),
    _row("int32", 23, 14, 32, np.int32),
    _row("int64", 24, None, 64, np.int64),
    _row("int4", 25, 8, 4, np.int8),
    _row("uint8", 31, 3, 8, np.uint8),
    _row("uint16", 32, 7, 16, np.uint16),
    _row("uint32", 33, 15, 32, np.uint32),
    _row("uint64", 34, None, 64, np.uint64),
    _row("uint4", 35, 11, 4, np.uint8),
    _row("uint2", 36, 10, 2, np.uint8),
    _row("uint1", 37, 9, 1, np.uint8),
    _row("uint6", 38, 13, 6, np.uint8),
    _row("uint3", 39, 12, 3, np.uint8),
    _row("fp8e4m3fn", 40, 16, 8, ml_dtypes.float8_e4m3fn),
    _row("fp8e5m2", 41, 17, 8, ml_dtypes.float8_e5m2),
)
STRING = 2
BY_CODE = {d.code: d for d in DTYPES}
BY_NAME = {d.name: d for d in DTYPES}
# what `cast` and `constexpr_cast` and the dtype parameters of other operations also say
SPELLINGS = {**BY_NAME, "float16": BY_NAME["fp16"], "float32": BY_NAME["fp32"], "float64": BY_NAME["fp64"]}


def dtype_of(code: int) -> DType:
    """The element type of a code in the program."""
    if code not in BY_CODE:
        raise VerifyError(f"MIL data type {code} is not known")
    return BY_CODE[code]


def dtype_named(name: str) -> DType:
    """The element type an operation's parameter names."""
    if name not in SPELLINGS:
        raise VerifyError(f"MIL has no data type {name!r}")
    return SPELLINGS[name]


def unpack(raw: bytes | np.ndarray, dtype: DType, count: int) -> np.ndarray:
    """`count` values of bytes in storage order; narrow ones follow each other from the lowest bit upward."""
    data = np.frombuffer(raw, np.uint8)
    if dtype.bits >= 8:
        width = dtype.bits // 8
        _enough(data.size, count * width, dtype)
        return data[: count * width].view(dtype.holder)
    _enough(data.size, -(-count * dtype.bits // 8), dtype)
    bits = np.unpackbits(data, bitorder="little")[: count * dtype.bits].reshape(count, dtype.bits)
    values = (bits << np.arange(dtype.bits, dtype=np.uint8)).sum(axis=1, dtype=np.uint8)
    if dtype.name.startswith("int"):
        half = 1 << (dtype.bits - 1)
        whole = 1 << dtype.bits
        return np.where(values >= half, values.astype(np.int16) - whole, values).astype(np.int8)
    return values


def _enough(size: int, need: int, dtype: DType) -> None:
    if size < need:
        raise VerifyError(f"{need} bytes of {dtype.name} are declared, {size} are stored")
