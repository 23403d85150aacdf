"""Element types in TensorFlow's numbering. Source: tensorflow/core/framework/types.proto."""

from __future__ import annotations

from kexport.ir.types import DType

CODES: dict[DType, int] = {
    DType.F32: 1, DType.F64: 2, DType.I32: 3, DType.U8: 4, DType.I16: 5, DType.I8: 6, DType.STRING: 7, DType.C64: 8,
    DType.I64: 9, DType.BOOL: 10, DType.BF16: 14, DType.U16: 17, DType.F16: 19, DType.U32: 22, DType.U64: 23,
}  # fmt: skip
"""`DataType` by element type."""

NAMES: dict[DType, str] = {
    DType.F32: "DT_FLOAT",
    DType.F64: "DT_DOUBLE",
    DType.I32: "DT_INT32",
    DType.U8: "DT_UINT8",
    DType.I16: "DT_INT16",
    DType.I8: "DT_INT8",
    DType.STRING: "DT_STRING",
    DType.C64: "DT_COMPLEX64",
    DType.I64: "DT_INT64",
    DType.BOOL: "DT_BOOL",
    DType.BF16: "DT_BFLOAT16",
    DType.U16: "DT_UINT16",
    DType.F16: "DT_HALF",
    DType.U32: "DT_UINT32",
    DType.U64: "DT_UINT64",
}
"""The name of a `DataType` in JSON."""

BY_CODE = {code: dtype for dtype, code in CODES.items()}
BY_NAME = {name: dtype for dtype, name in NAMES.items()}
