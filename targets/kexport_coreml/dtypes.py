"""Core ML's element types: the replacement of each of ours, and names and codes in the file."""

from __future__ import annotations

from types import MappingProxyType

from kexport.ir.types import DType

NAMES = MappingProxyType({
    DType.BOOL: "bool", DType.STRING: "string", DType.F16: "fp16", DType.F32: "fp32", DType.F64: "fp64",
    DType.I8: "int8", DType.I16: "int16", DType.I32: "int32", DType.I64: "int64", DType.U8: "uint8",
    DType.U16: "uint16", DType.U32: "uint32", DType.I4: "int4", DType.U4: "uint4",
})  # fmt: skip
"""The values of `dtype` parameters."""

CODES = MappingProxyType({
    DType.BOOL: 1, DType.STRING: 2, DType.F16: 10, DType.F32: 11, DType.F64: 12, DType.I8: 21, DType.I16: 22,
    DType.I32: 23, DType.I64: 24, DType.I4: 25, DType.U8: 31, DType.U16: 32, DType.U32: 33, DType.U4: 35,
})  # fmt: skip
"""DataType of MIL.proto."""
DTYPES = MappingProxyType({code: dtype for dtype, code in CODES.items()})

BLOB_CODES = MappingProxyType(
    {
        DType.F16: 1,
        DType.F32: 2,
        DType.U8: 3,
        DType.I8: 4,
        DType.I16: 6,
        DType.U16: 7,
        DType.I32: 14,
        DType.U32: 15,
    }
)
"""BlobDataType of the weight file (MILBlob/Blob/BlobDataType.hpp of coremltools)."""

ARRAY_CODES = MappingProxyType({DType.F16: 65552, DType.F32: 65568, DType.I32: 131104})
"""ArrayDataType of FeatureTypes.proto: what inputs and outputs can hold."""
ARRAY_DTYPES = MappingProxyType({code: dtype for dtype, code in ARRAY_CODES.items()})

_INTEGERS = (DType.I4, DType.I8, DType.I16, DType.I64, DType.U4, DType.U8, DType.U16)
_STORED = {DType.F64: DType.F32, DType.BF16: DType.F32, **dict.fromkeys(_INTEGERS, DType.I32)}
NARROW = MappingProxyType({DType.I4: 4, DType.I8: 8, DType.I16: 16, DType.U4: 4, DType.U8: 8, DType.U16: 16})
"""Integers held in int32, and their widths: arithmetic on them wraps around at that width."""


def computed(dtype: DType) -> DType:
    """The element type in which Core ML computes with values of `dtype`: it has float16, float32, int32 and bool."""
    return _STORED.get(dtype, dtype)


def at_the_border(dtype: DType, half: bool) -> DType:
    """The element type of an input or output: Core ML's arrays hold no booleans, and float16 only from iOS 16 on."""
    found = DType.I32 if dtype is DType.BOOL else computed(dtype)
    return DType.F32 if found is DType.F16 and not half else found
