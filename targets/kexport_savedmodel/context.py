"""What emitters write into: the context of GraphDefs, with the element types and kernels of TensorFlow on the CPU."""

from __future__ import annotations

from kexport.ir.types import DType
from kexport_shared.graphdef.context import Context
from kexport_shared.graphdef.dialect import Dialect

__all__ = ["TENSORFLOW", "Context"]

_WIDER = {
    DType.I8: DType.I32,
    DType.I16: DType.I32,
    DType.U8: DType.I32,
    DType.U16: DType.I32,
    DType.U32: DType.I64,
}
_MOVES = (
    "BroadcastTo", "Cast", "ConcatV2", "Const", "ExpandDims", "Fill", "GatherNd", "GatherV2", "Identity", "Invert",
    "OneHot", "PadV2", "Placeholder", "Reshape", "ResizeNearestNeighbor", "ReverseV2", "ScatterNd", "SelectV2",
    "Shape", "Split", "SplitV", "Squeeze", "StatelessIf", "StatelessWhile", "StridedSlice", "TensorScatterUpdate",
    "Tile", "Transpose",
)  # fmt: skip
"""Ops that take integers of any size as they are."""

TENSORFLOW = Dialect(
    types={DType.I4: DType.I8, DType.U4: DType.U8},
    kernels={"*": _WIDER, **{kind: {} for kind in _MOVES}},
)
"""All element types but 4-bit integers; small ones are computed in larger ones, for which every op has a kernel."""
