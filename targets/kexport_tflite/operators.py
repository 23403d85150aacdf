"""The builtin operators that we write: their options table, and the version that each use of one needs.

The rules follow `tflite/tools/versioning/op_version.cc`; a test checks every version against the runtime's registry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kexport.ir.types import DType
from kexport_tflite.model import Tensor

Tensors = Sequence[Tensor | None]
Condition = Callable[[Tensors, Tensors, Mapping[str, Any]], bool]


@dataclass(frozen=True)
class Builtin:
    """An operator: the options table of the schema, the version by condition (first match), and the version else."""

    options: str | None = None
    rules: tuple[tuple[str, int], ...] = ()
    version: int = 1

    @property
    def versions(self) -> set[int]:
        """Every version that we may write."""
        return {self.version, *(v for _, v in self.rules)}


def version_of(op: str, inputs: Tensors, outputs: Tensors, options: Mapping[str, Any]) -> int:
    """The version of a builtin operator for these tensors and options (None is an operand left out)."""
    builtin = OPERATORS[op]
    return next((v for name, v in builtin.rules if CONDITIONS[name](inputs, outputs, options)), builtin.version)


def _type(*wanted: DType, of: int = 0) -> Condition:
    def holds(inputs: Tensors, outputs: Tensors, options: Mapping[str, Any]) -> bool:
        tensor = inputs[of] if of < len(inputs) else None
        return tensor is not None and tensor.dtype in wanted

    return holds


def _any_type(*wanted: DType) -> Condition:
    return lambda inputs, outputs, options: any(t is not None and t.dtype in wanted for t in (*inputs, *outputs))


def _rank_above(limit: int) -> Condition:
    return lambda inputs, outputs, options: any(t is not None and len(t.shape) > limit for t in inputs)


def _option(*names: str) -> Condition:
    return lambda inputs, outputs, options: any(options.get(n) not in (None, 0, False, "NONE") for n in names)


def _scales_of(place: int) -> Condition:
    """Whether an operand of integers has several scales."""

    def several(inputs: Tensors, outputs: Tensors, options: Mapping[str, Any]) -> bool:
        tensor = inputs[place] if place < len(inputs) else None
        return tensor is not None and tensor.grid is not None and tensor.grid.scales.size > 1

    return several


def _broadcast_above_4(inputs: Tensors, outputs: Tensors, options: Mapping[str, Any]) -> bool:
    a, b = inputs[:2]
    return a is not None and b is not None and a.dims != b.dims and max(len(a.shape), len(b.shape)) > 4


def _grouped(inputs: Tensors, outputs: Tensors, options: Mapping[str, Any]) -> bool:
    x, kernel = inputs[:2]
    return x is not None and kernel is not None and x.shape[-1] != kernel.shape[-1]


CONDITIONS: dict[str, Condition] = {
    "i4": _type(DType.I4),
    "i8": _type(DType.I8),
    "i8 data": _type(DType.I8, of=1),
    "i16": _type(DType.I16),
    "i16 data": _type(DType.I16, of=1),
    "i32": _type(DType.I32),
    "i32 data": _type(DType.I32, of=1),
    "i64": _type(DType.I64),
    "u32": _type(DType.U32),
    "bool": _type(DType.BOOL),
    "bool value": _type(DType.BOOL, of=1),
    "f32": _type(DType.F32),
    "f16": _type(DType.F16),
    "i8 or u8": _type(DType.I8, DType.U8),
    "i8 or i16": _type(DType.I8, DType.I16),
    "i8 or i16 value": _type(DType.I8, DType.I16, of=1),
    "some bf16": _any_type(DType.BF16),
    "some f16 or f64": _any_type(DType.F16, DType.F64),
    "some u16": _any_type(DType.U16),
    "some i8": _any_type(DType.I8),
    "some u32": _any_type(DType.U32),
    "i16 result": lambda inputs, outputs, options: outputs[0] is not None and outputs[0].dtype is DType.I16,
    "per channel": _scales_of(0),
    "per channel weights": _scales_of(1),
    "rank above 4": _rank_above(4),
    "rank above 5": _rank_above(5),
    "broadcast above rank 4": _broadcast_above_4,
    "grouped": _grouped,
    "dilated": lambda inputs, outputs, options: (
        options.get("dilation_h_factor", 1) != 1 or options.get("dilation_w_factor", 1) != 1
    ),
    "no bias": lambda inputs, outputs, options: len(inputs) == 2,
    "keep_num_dims": _option("keep_num_dims"),
    "batch_dims": _option("batch_dims"),
    "half_pixel_centers": _option("half_pixel_centers", "align_corners"),
    "new axis": _option("ellipsis_mask", "new_axis_mask"),
}
"""Named questions about one use of an operator."""

_INT8_16 = (("i16", 3), ("i8", 2))

OPERATORS: dict[str, Builtin] = {
    "ABS": Builtin("AbsOptions", (("i32", 5), ("i16", 4), ("i8 or u8", 2))),
    "ADD": Builtin("AddOptions", (("i16", 5), ("i64", 4), ("i8", 2))),
    "ARG_MAX": Builtin("ArgMaxOptions", (("bool", 3), ("i8", 2))),
    "ARG_MIN": Builtin("ArgMinOptions", (("bool", 3), ("i8", 2))),
    "ATAN2": Builtin("ATan2Options"),
    "AVERAGE_POOL_2D": Builtin("Pool2DOptions", _INT8_16),
    "BATCH_MATMUL": Builtin("BatchMatMulOptions", _INT8_16),
    "BITWISE_XOR": Builtin("BitwiseXorOptions"),
    "BROADCAST_TO": Builtin("BroadcastToOptions", (("i8 or i16", 3),), version=2),
    "CAST": Builtin(
        "CastOptions", (("some bf16", 7), ("some f16 or f64", 5), ("some u16", 4), ("some i8", 3), ("some u32", 2))
    ),
    "CEIL": Builtin(),
    "CONCATENATION": Builtin("ConcatenationOptions", (("u32", 4), *_INT8_16)),
    "CONV_2D": Builtin("Conv2DOptions", (("grouped", 6), ("i16", 4), ("i8", 3))),
    "CONV_3D": Builtin("Conv3DOptions"),
    "CONV_3D_TRANSPOSE": Builtin("Conv3DOptions"),
    "COS": Builtin("CosOptions"),
    "CUMSUM": Builtin("CumsumOptions"),
    "DEPTH_TO_SPACE": Builtin("DepthToSpaceOptions", (("i8", 2),)),
    "DEPTHWISE_CONV_2D": Builtin("DepthwiseConv2DOptions", (("i16", 5), ("i8", 3), ("dilated", 2))),
    "DEQUANTIZE": Builtin("DequantizeOptions", (("i4", 6), ("per channel", 5), ("f16", 3), ("i16", 3), ("i8", 2))),
    "DIV": Builtin("DivOptions", (("broadcast above rank 4", 2),)),
    "DYNAMIC_UPDATE_SLICE": Builtin("DynamicUpdateSliceOptions"),
    "ELU": Builtin(),
    "EQUAL": Builtin("EqualOptions", (("i16", 4), ("i8", 2))),
    "EXP": Builtin("ExpOptions"),
    "FILL": Builtin("FillOptions", (("i8 or i16 value", 3), ("bool value", 2))),
    "FLOOR": Builtin(),
    "FLOOR_DIV": Builtin("FloorDivOptions", (("i8 or i16", 3), ("f32", 2))),
    "FLOOR_MOD": Builtin("FloorModOptions", (("i8 or i16", 2),)),
    "FULLY_CONNECTED": Builtin(
        "FullyConnectedOptions",
        (
            ("per channel weights", 12),
            ("i16", 7),
            ("no bias", 6),
            ("keep_num_dims", 5),
            ("i8", 4),
        ),
    ),
    "GATHER": Builtin("GatherOptions", (("batch_dims", 5), ("i16", 4), ("bool", 3), ("i8", 2))),
    "GATHER_ND": Builtin("GatherNdOptions", (("bool", 5), ("i16", 3))),
    "GELU": Builtin("GeluOptions"),
    "GREATER": Builtin("GreaterOptions", (("i8", 2),)),
    "GREATER_EQUAL": Builtin("GreaterEqualOptions", _INT8_16),
    "HARD_SWISH": Builtin("HardSwishOptions"),
    "IF": Builtin("IfOptions"),
    "LEAKY_RELU": Builtin("LeakyReluOptions", (("i8", 2),)),
    "LESS": Builtin("LessOptions", _INT8_16),
    "LESS_EQUAL": Builtin("LessEqualOptions", (("i8", 2),)),
    "LOG": Builtin(),
    "LOGICAL_AND": Builtin("LogicalAndOptions"),
    "LOGICAL_NOT": Builtin("LogicalNotOptions"),
    "LOGICAL_OR": Builtin("LogicalOrOptions"),
    "LOGISTIC": Builtin(None, _INT8_16),
    "MAXIMUM": Builtin("MaximumMinimumOptions", (("i16", 4), ("broadcast above rank 4", 3), ("i8", 2))),
    "MAX_POOL_2D": Builtin("Pool2DOptions", _INT8_16),
    "MEAN": Builtin("ReducerOptions", _INT8_16),
    "MINIMUM": Builtin("MaximumMinimumOptions", (("i16", 4), ("broadcast above rank 4", 3), ("i8", 2))),
    "MIRROR_PAD": Builtin("MirrorPadOptions", _INT8_16),
    "MUL": Builtin("MulOptions", (("u32", 7), ("i16", 7), ("i64", 5), ("i8", 2))),
    "NEG": Builtin("NegOptions"),
    "NOT_EQUAL": Builtin("NotEqualOptions", (("i8", 2),)),
    "ONE_HOT": Builtin("OneHotOptions"),
    "PAD": Builtin("PadOptions", (("bool", 5), ("rank above 4", 4), *_INT8_16)),
    "PADV2": Builtin("PadV2Options", (("bool", 5), ("rank above 4", 4), *_INT8_16)),
    "POW": Builtin("PowOptions"),
    "PRELU": Builtin(),
    "QUANTIZE": Builtin("QuantizeOptions", (("i16 result", 2),)),
    "RANDOM_STANDARD_NORMAL": Builtin("RandomOptions"),
    "RANDOM_UNIFORM": Builtin("RandomOptions"),
    "RANGE": Builtin("RangeOptions", (("i64", 2),)),
    "REDUCE_ALL": Builtin("ReducerOptions"),
    "REDUCE_ANY": Builtin("ReducerOptions"),
    "REDUCE_MAX": Builtin("ReducerOptions", _INT8_16),
    "REDUCE_MIN": Builtin("ReducerOptions", _INT8_16),
    "REDUCE_PROD": Builtin("ReducerOptions"),
    "RELU": Builtin(None, (("i8", 2),)),
    "RELU6": Builtin(None, (("i8", 2),)),
    "RELU_N1_TO_1": Builtin(),
    "RESHAPE": Builtin("ReshapeOptions"),
    "RESIZE_BILINEAR": Builtin("ResizeBilinearOptions", (("half_pixel_centers", 3), ("i8", 2))),
    "RESIZE_NEAREST_NEIGHBOR": Builtin("ResizeNearestNeighborOptions", (("half_pixel_centers", 3), ("i8", 2))),
    "REVERSE_V2": Builtin("ReverseV2Options", (("i8", 3), ("bool", 2))),
    "RIGHT_SHIFT": Builtin("RightShiftOptions"),
    "ROUND": Builtin(),
    "RSQRT": Builtin(),
    "SCATTER_ND": Builtin("ScatterNdOptions"),
    "SELECT_V2": Builtin("SelectV2Options"),
    "SHAPE": Builtin("ShapeOptions"),
    "SIGN": Builtin("SignOptions", (("i32", 2),)),
    "SIN": Builtin(),
    "SOFTMAX": Builtin("SoftmaxOptions", _INT8_16),
    "SPACE_TO_DEPTH": Builtin("SpaceToDepthOptions", (("i8", 2),)),
    "SPLIT": Builtin("SplitOptions", (("i16 data", 4), ("i32 data", 3), ("i8 data", 2))),
    "SQRT": Builtin(),
    "SQUARE": Builtin("SquareOptions"),
    "SQUARED_DIFFERENCE": Builtin("SquaredDifferenceOptions"),
    "STRIDED_SLICE": Builtin(
        "StridedSliceOptions", (("u32", 7), ("new axis", 6), ("rank above 4", 4), ("bool", 3), ("i8", 2))
    ),
    "SUB": Builtin("SubOptions", (("i64", 4), ("broadcast above rank 4", 3), ("i8", 2))),
    "SUM": Builtin("ReducerOptions"),
    "TANH": Builtin(None, _INT8_16),
    "TILE": Builtin("TileOptions", (("i8", 3),)),
    "TOPK_V2": Builtin("TopKV2Options", (("i16", 3), ("i8", 2))),
    "TRANSPOSE": Builtin(
        "TransposeOptions", (("rank above 5", 6), ("i16", 5), ("rank above 4", 4), ("bool", 3), ("i8", 2))
    ),
    "WHILE": Builtin("WhileOptions"),
}
