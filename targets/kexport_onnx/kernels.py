"""Which element types ONNX Runtime's CPU kernels lack, and the type to compute in instead.

Types that no kernel and no wider type covers are left as they are: the file is valid, and the runtime says so. float16
is left alone unless ONNX itself excludes it: ONNX Runtime inserts those casts, and GPUs need none.
"""

from __future__ import annotations

from kexport.ir.types import DType

_ANY_TYPE = frozenset({
    "Cast", "Concat", "Gather", "GatherElements", "GatherND", "Identity", "If", "LayerNormalization", "Loop", "Range",
    "Reshape", "Scan", "ScatterND", "Shape", "Sign", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze",
})  # fmt: skip
"""Ops that take bfloat16 as it is."""

_SMALL = "i16:i32 u16:i32"
_NARROW = "i16:i32 i8:i32 u32:i64 u16:i32 u8:i32"
_EXTREME = "i16:i32 u32:i64 u16:i32 bool:u8"
_IMAGE = "i32:f64 i16:f32 u32:f64 u16:f32 bool:u8"
_INTEGERS = {
    "ArgMax": "i16:i32 u32:i64 u16:i32", "ArgMin": "i16:i32 u32:i64 u16:i32", "Celu": "f16:f32", "Clip": _SMALL,
    "CumProd": "i16:i32 i8:i32 u16:i32 u8:i32", "CumSum": f"u64:i64 {_NARROW}", "DepthToSpace": _IMAGE,
    "IsInf": "f16:f32", "MatMul": "i16:i32 i8:i32 u16:i32 u8:i32", "Max": _SMALL, "MaxPool": _IMAGE, "Min": _SMALL,
    "Neg": "u64:i64 u32:i64 u16:i32 u8:i32", "Pad": _SMALL, "Pow": f"u64:i64 {_NARROW}", "ReduceMax": _EXTREME,
    "ReduceMin": _EXTREME, "ReduceProd": _NARROW, "ReduceSum": _NARROW, "Relu": "i16:i32",
    "Resize": "i16:i32 u16:i32 bool:u8", "SpaceToDepth": _IMAGE, "TopK": "u32:i64 u16:i32",
    "Where": "i16:i32 u16:i32 bool:u8",
}  # fmt: skip
_CASTS = {op: {DType(a): DType(b) for a, b in (p.split(":") for p in text.split())} for op, text in _INTEGERS.items()}


def compute_type(op: str, dtype: DType) -> DType:
    """The element type in which an ONNX op is computed for operands of `dtype`."""
    if dtype is DType.BF16 and op not in _ANY_TYPE:
        return DType.F32
    return _CASTS.get(op, {}).get(dtype, dtype)
