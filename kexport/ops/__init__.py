"""The op vocabulary: every op class, by family. Channels last, batch first."""

from __future__ import annotations

from kexport.ops.activation import (
    ACTIVATIONS,
    GATE_ACTIVATIONS,
    Celu,
    Clip,
    Elu,
    Gelu,
    HardSigmoid,
    HardSilu,
    LeakyRelu,
    Mish,
    Prelu,
    Relu,
    Relu6,
    Selu,
    Sigmoid,
    Silu,
    Softplus,
    Softsign,
    Tanh,
    Threshold,
    apply_activation,
)
from kexport.ops.binary import (
    Add,
    Atan2,
    BitAnd,
    BitOr,
    BitXor,
    Div,
    Equal,
    FloorDiv,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
    LogicalAnd,
    LogicalOr,
    LogicalXor,
    Maximum,
    Minimum,
    Mod,
    Mul,
    NotEqual,
    Pow,
    Select,
    ShiftLeft,
    ShiftRight,
    SquaredDifference,
    Sub,
)
from kexport.ops.broadcast import (
    DimConflict,
)
from kexport.ops.control import (
    If,
    Scan,
    While,
)
from kexport.ops.conv import (
    Conv,
    ConvTranspose,
    DepthwiseConv,
)
from kexport.ops.create import (
    Dims,
    Full,
    Iota,
)
from kexport.ops.elementwise import (
    Abs,
    Acos,
    Acosh,
    Asin,
    Asinh,
    Atan,
    Atanh,
    BitNot,
    Cast,
    Ceil,
    Cos,
    Cosh,
    Erf,
    Exp,
    Expm1,
    Floor,
    IsFinite,
    IsInf,
    IsNan,
    Log,
    Log1p,
    LogicalNot,
    Neg,
    Reciprocal,
    Round,
    Rsqrt,
    Sign,
    Sin,
    Sinh,
    Sqrt,
    Square,
    Tan,
)
from kexport.ops.index import (
    Gather,
    GatherNd,
    OneHot,
    ScatterNd,
)
from kexport.ops.layout import (
    BroadcastTo,
    Concat,
    DepthToSpace,
    Pad,
    Reshape,
    Reverse,
    Slice,
    SpaceToDepth,
    Split,
    Tile,
    Transpose,
)
from kexport.ops.matmul import (
    Dense,
    MatMul,
)
from kexport.ops.norm import (
    BatchNorm,
    GroupNorm,
    LayerNorm,
    RmsNorm,
)
from kexport.ops.pool import (
    AvgPool,
    MaxPool,
)
from kexport.ops.random import (
    Draw,
    RandomNormal,
    RandomUniform,
)
from kexport.ops.recurrent import (
    Gru,
    Lstm,
    SimpleRnn,
)
from kexport.ops.reduce import (
    ArgMax,
    ArgMin,
    CumProd,
    CumSum,
    LogSoftmax,
    ReduceAll,
    ReduceAny,
    ReduceMax,
    ReduceMean,
    ReduceMin,
    ReduceProd,
    ReduceSum,
    Softmax,
    TopK,
)
from kexport.ops.resize import (
    Resize,
)
from kexport.ops.text import (
    ChangeCase,
    HashNumber,
    HashText,
    JoinText,
    Lookup,
    NumberText,
    ReplaceText,
    SplitText,
)

__all__ = [
    "ACTIVATIONS", "GATE_ACTIVATIONS", "Abs", "Acos", "Acosh", "Add", "ArgMax", "ArgMin", "Asin", "Asinh", "Atan",
    "Atan2", "Atanh", "AvgPool", "BatchNorm", "BitAnd", "BitNot", "BitOr", "BitXor", "BroadcastTo", "Cast", "Ceil",
    "Celu", "ChangeCase", "Clip", "Concat", "Conv", "ConvTranspose", "Cos", "Cosh", "CumProd", "CumSum", "Dense",
    "DepthToSpace", "DepthwiseConv", "DimConflict", "Dims", "Div", "Draw", "Elu", "Equal", "Erf", "Exp", "Expm1",
    "Floor", "FloorDiv", "Full", "Gather", "GatherNd", "Gelu", "Greater", "GreaterEqual", "GroupNorm", "Gru",
    "HardSigmoid", "HardSilu", "HashNumber", "HashText", "If", "Iota", "IsFinite", "IsInf", "IsNan", "JoinText",
    "LayerNorm", "LeakyRelu", "Less", "LessEqual", "Log", "Log1p", "LogSoftmax", "LogicalAnd", "LogicalNot",
    "LogicalOr", "LogicalXor", "Lookup", "Lstm", "MatMul", "MaxPool", "Maximum", "Minimum", "Mish", "Mod", "Mul", "Neg",
    "NotEqual", "NumberText", "OneHot", "Pad", "Pow", "Prelu", "RandomNormal", "RandomUniform", "Reciprocal",
    "ReduceAll", "ReduceAny", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "Relu", "Relu6",
    "ReplaceText", "Reshape", "Resize", "Reverse", "RmsNorm", "Round", "Rsqrt", "Scan", "ScatterNd", "Select", "Selu",
    "ShiftLeft", "ShiftRight", "Sigmoid", "Sign", "Silu", "SimpleRnn", "Sin", "Sinh", "Slice", "Softmax", "Softplus",
    "Softsign", "SpaceToDepth", "Split", "SplitText", "Sqrt", "Square", "SquaredDifference", "Sub", "Tan", "Tanh",
    "Threshold", "Tile", "TopK", "Transpose", "While", "apply_activation",
]  # fmt: skip
