"""Lists the element types of LiteRT's kernels, and the type to compute in instead.

Measured with one-operator models on LiteRT 2.3. Kernels for 8 and 16 bits expect quantized tensors and end the process
without: arithmetic on plain small integers goes through int32.
"""

from __future__ import annotations

from kexport import ops
from kexport.ir.op import Op
from kexport.ir.types import DType
from kexport.ops.activation import Prelu
from kexport.ops.binary import Binary, Comparison
from kexport.ops.elementwise import Unary
from kexport.ops.pool import Pool
from kexport.ops.reduce import ArgReduce, Cumulative, Reduce
from kexport_tflite.scatter import ScatterZeros, UpdateRow


def _types(text: str) -> frozenset[DType]:
    return frozenset(DType(word) for word in text.split())


_ANY = _types("f32 f16 bf16 f64 i8 i16 i32 i64 u8 u16 u32 u64 bool")
_MOVED = _types("f32 i8 i16 i32 i64 u8 bool")
_FLOAT = _types("f32")
_INT32 = _types("i32")
_NUMBERS = _types("f32 i32")
_WIDE = _types("f32 i32 i64")

KERNELS: dict[type[Op], frozenset[DType]] = {
    **dict.fromkeys((ops.Reshape, ops.Transpose, ops.Tile, ops.BroadcastTo), _ANY),
    **dict.fromkeys((ops.Reverse, ops.Gather, ops.GatherNd, ops.Concat, ops.Pad), _MOVED),
    ops.Slice: _ANY - _types("u32"),
    ops.Split: _types("f32 i8 i16 i32 i64 u8"),
    ops.Select: _ANY - _types("bf16"),
    **dict.fromkeys((ops.ScatterNd, ScatterZeros), _types("f32 i8 i32 i64 u8 bool")),
    UpdateRow: _types("f32 i8 i32 i64 bool"),
    ops.Resize: _types("f32 i8 i16 i32 u8 bool"),
    ops.DepthToSpace: _types("f32 i32 i64 u8"),
    ops.SpaceToDepth: _types("f32 i8 i32 i64 u8"),
    ops.TopK: _WIDE | _types("i8 i16 u8"),
    **dict.fromkeys((ops.Equal, ops.NotEqual), _WIDE | _types("bool")),
    **dict.fromkeys((ops.Add, ops.Sub, ops.Mul, ops.Mod, ops.Maximum, ops.Minimum, ops.Neg), _WIDE),
    **dict.fromkeys((ops.Abs, ops.Sign, ops.Square, ops.SquaredDifference, ops.Relu, ops.Relu6), _WIDE),
    **dict.fromkeys((ops.FloorDiv, ops.Pow), _NUMBERS),
    **dict.fromkeys((ops.BitXor, ops.BitAnd, ops.BitOr, ops.BitNot, ops.ShiftRight, ops.ShiftLeft), _INT32),
    **dict.fromkeys((ops.LogicalAnd, ops.LogicalOr, ops.LogicalXor, ops.LogicalNot), _types("bool")),
    **dict.fromkeys((ops.ReduceSum, ops.ReduceProd, ops.ReduceMax, ops.ReduceMin, ops.CumSum), _WIDE),
    **dict.fromkeys((ops.ReduceAny, ops.ReduceAll), _types("bool")),
    ops.ArgMax: _NUMBERS,
    ops.ArgMin: _NUMBERS,
    ops.Clip: _WIDE,
    ops.Threshold: _WIDE,
    ops.MaxPool: _WIDE,
    ops.MatMul: _WIDE,
    ops.Dense: _WIDE,
    ops.Cast: _ANY - _types("u64"),
    ops.IsNan: _FLOAT,
    ops.Quantize: _FLOAT,
    ops.Dequantize: _types("i8 u8 i16 i4 i32"),
}
"""Element types by op, some by way of the rules in `rules/arithmetic.py`; for those not named, see `kernel_types`."""

_FAMILIES: tuple[tuple[type[Op], frozenset[DType]], ...] = (
    (Comparison, _WIDE),
    (Binary, _WIDE),
    (Reduce, _WIDE),
    (ArgReduce, _NUMBERS),
    (Cumulative, _WIDE),
    (Unary, _FLOAT),
    (Prelu, _FLOAT),
    (Pool, _FLOAT),
)

WIDER = {
    DType.F16: DType.F32,
    DType.BF16: DType.F32,
    DType.I8: DType.I32,
    DType.U8: DType.I32,
    DType.I16: DType.I32,
    DType.U16: DType.I32,
    DType.BOOL: DType.I32,
    DType.U32: DType.I64,
    DType.F64: DType.F32,
}
"""Types that hold all values of smaller ones; results are cast back, which wraps around as the small type does.
There is no arithmetic in float64: it is computed in float32."""


def kernel_types(op: Op) -> frozenset[DType]:
    """The element types that the kernel of an op takes."""
    if type(op) in KERNELS:
        return KERNELS[type(op)]
    return next((types for family, types in _FAMILIES if isinstance(op, family)), _FLOAT)


def compute_type(op: Op, dtype: DType) -> DType | None:
    """The type to compute in: `dtype` itself, a wider one, or None if there is none."""
    taken = kernel_types(op)
    if dtype in taken and dtype not in (DType.F16, DType.BF16, DType.F64):
        return dtype
    wider = WIDER.get(dtype)
    while wider is not None and wider not in taken:
        wider = WIDER.get(wider) or (DType.I64 if wider is DType.I32 else None)
    return wider
