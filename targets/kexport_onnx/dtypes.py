"""Element types in ONNX's numbering, and a tensor's bytes as ONNX stores them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kexport.ir.op import Array
from kexport.ir.types import DType

CODES: dict[DType, int] = {
    DType.F32: 1, DType.U8: 2, DType.I8: 3, DType.U16: 4, DType.I16: 5, DType.I32: 6, DType.I64: 7, DType.STRING: 8,
    DType.BOOL: 9, DType.F16: 10, DType.F64: 11, DType.U32: 12, DType.U64: 13, DType.C64: 14, DType.BF16: 16,
    DType.U4: 21, DType.I4: 22,
}  # fmt: skip
"""`TensorProto.DataType` by element type."""

DTYPES = {code: dtype for dtype, code in CODES.items()}

CHUNK = 8 << 20
"""Bytes that are copied at a time while a tensor that isn't contiguous is written."""


def raw_size(dtype: DType, numel: int) -> int:
    """The number of bytes that `numel` elements take in a file; 4-bit elements share a byte, text has none."""
    if dtype is DType.STRING:
        return 0
    return (numel + 1) // 2 if _is_nibble(dtype) else numel * dtype.numpy.itemsize


def raw_chunks(array: Array) -> Iterator[memoryview]:
    """The bytes of an array in C order, little-endian, piece by piece.

    A contiguous array is not copied. Of a transposed view about `CHUNK` bytes exist at a time.
    """
    dtype = DType.of(array.dtype)
    if _is_nibble(dtype):
        yield from _nibble_chunks(array)
        return
    for piece in _pieces(array):
        if piece.dtype.newbyteorder("<") != piece.dtype:
            piece = piece.astype(piece.dtype.newbyteorder("<"))
        yield piece.reshape(-1).view(np.uint8).data


def _pieces(array: Array) -> Iterator[Array]:
    if array.flags.c_contiguous:
        yield array
    elif array.nbytes <= CHUNK or array.ndim == 0:
        yield np.ascontiguousarray(array)
    else:
        rows = max(1, CHUNK * array.shape[0] // array.nbytes)
        for start in range(0, array.shape[0], rows):
            block = array[start : start + rows]
            yield from _pieces(block[0] if len(block) == 1 else block)


def _nibble_chunks(array: Array) -> Iterator[memoryview]:
    """Two elements a byte, the first in the low half. Source: onnx.proto, TensorProto.raw_data."""
    flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    for start in range(0, flat.size, CHUNK):
        piece = flat[start : start + CHUNK] & 0xF
        low = piece[0::2]
        high = np.zeros((piece.size + 1) // 2, np.uint8)
        high[: piece.size // 2] = piece[1::2]
        yield (low | high << 4).data


def _is_nibble(dtype: DType) -> bool:
    return dtype in (DType.I4, DType.U4)
