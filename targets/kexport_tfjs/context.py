"""What emitters write into: the context of GraphDefs, with the element types and kernels of TensorFlow.js."""

from __future__ import annotations

from kexport.ir.types import DType
from kexport_shared.graphdef.context import Context
from kexport_shared.graphdef.dialect import Dialect

__all__ = ["STRANGERS", "TFJS", "Context"]

STRANGERS = (DType.C64, DType.STRING)
"""Element types that a graph may not hold: the wasm backend has no complex numbers."""

_FLOATS = {DType.F16: DType.F32, DType.BF16: DType.F32, DType.F64: DType.F32}
_INTEGERS = {
    DType.I4: DType.I32,
    DType.I8: DType.I32,
    DType.I16: DType.I32,
    DType.I64: DType.I32,
    DType.U4: DType.I32,
    DType.U8: DType.I32,
    DType.U16: DType.I32,
    DType.U32: DType.I32,
    DType.U64: DType.I32,
}
_AS_FLOAT = {DType.I32: DType.F32}

TFJS = Dialect(
    types=_FLOATS | _INTEGERS,
    kernels=dict.fromkeys(("BatchMatMulV2", "MatMul", "MaxPool", "MaxPool3D", "Relu", "Relu6"), _AS_FLOAT),
)
"""float32, int32 and bool; the kernels named take float32 alone in some backend."""
