"""Lists the element types that ONNX Runtime's CPU kernels lack, in old releases too, with the type to use instead.

Types that no kernel and no wider type covers are left as they are: the file is valid, and the runtime says so. float16
is left alone unless ONNX itself excludes it: ONNX Runtime inserts those casts, and GPUs need none.
"""

from __future__ import annotations

from kexport.ir.types import DType

_ANY_TYPE = frozenset({
    "Cast", "Concat", "Gather", "GatherElements", "GatherND", "Identity", "If", "LayerNormalization", "Loop", "Range",
    "Reshape", "Scan", "ScatterND", "Shape", "Sign", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze",
})  # fmt: skip
"""Ops with bfloat16 kernels."""

_SMALL = "i16:i32 i8:i32 u16:i32 u8:i32"
_NARROW = f"{_SMALL} u32:i64"
_MODULAR = f"{_NARROW} u64:i64"
_EXTREME = "i16:i32 u32:i64 u16:i32 bool:u8"
_POOLED = "i32:f64 i16:f32 u32:f64 u16:f32 bool:u8"
_IMAGE = "i32:f64 i16:f32 i8:f32 u32:f64 u16:f32 u8:f32 bool:f32"
_INTEGERS = {
    "Add": _MODULAR, "ArgMax": "i16:i32 u32:i64 u16:i32", "ArgMin": _NARROW, "Celu": "f16:f32",
    "Clip": "i16:i32 u16:i32", "CumProd": _SMALL, "CumSum": _MODULAR, "DepthToSpace": _IMAGE, "Div": _NARROW,
    "Equal": _MODULAR, "Greater": _NARROW, "GreaterOrEqual": _NARROW, "IsInf": "f16:f32", "Less": _NARROW,
    "LessOrEqual": _NARROW, "MatMul": _SMALL, "Max": _SMALL, "MaxPool": _POOLED, "Min": _SMALL, "Mul": _MODULAR,
    "Neg": "i16:i32 u8:i32 u16:i32 u32:i64 u64:i64", "Pad": "i16:i32 u16:i32", "Pow": _MODULAR,
    "ReduceMax": _EXTREME, "ReduceMin": _EXTREME, "ReduceProd": _NARROW, "ReduceSum": _NARROW, "Relu": "i16:i32",
    "Resize": "i16:i32 u16:i32 bool:u8", "SpaceToDepth": _IMAGE, "Sub": _MODULAR, "TopK": _NARROW,
    "Where": "i16:i32 i8:i32 u16:i32 u32:i64 bool:u8",
}  # fmt: skip
_CASTS = {op: {DType(a): DType(b) for a, b in (p.split(":") for p in text.split())} for op, text in _INTEGERS.items()}


def compute_type(op: str, dtype: DType) -> DType:
    """The element type in which an ONNX op is computed for operands of `dtype`."""
    if dtype is DType.BF16 and op not in _ANY_TYPE:
        return DType.F32
    return _CASTS.get(op, {}).get(dtype, dtype)
