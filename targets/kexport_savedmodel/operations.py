"""The TensorFlow operations that emitters write. A model with any other is not ours, and not given to TensorFlow."""

from __future__ import annotations

_NAMES = """
    Abs Acos Acosh Add AddV2 All Any ArgMax ArgMin AsString Asin Asinh Atan Atan2 Atanh AvgPool AvgPool3D BatchMatMulV2
    BiasAdd BitwiseAnd BitwiseOr BitwiseXor BroadcastTo Cast Ceil ClipByValue ConcatV2 Const Conv2D Conv2DBackpropInput
    Conv3D Conv3DBackpropInputV2 Cos Cosh Cumprod Cumsum DepthToSpace DepthwiseConv2dNative Elu Equal Erf Exp ExpandDims
    Expm1 Fill Floor FloorDiv FloorMod FusedBatchNormV3 GatherNd GatherV2 Greater GreaterEqual HashTableV2 Identity
    Invert IsFinite IsInf IsNan LeakyRelu LeftShift Less LessEqual Log Log1p LogSoftmax LogicalAnd LogicalNot LogicalOr
    LookupTableFindV2 LookupTableImportV2 MatMul Max MaxPool MaxPool3D Maximum Mean Min Minimum MirrorPad Mul Neg NoOp
    NotEqual OneHot PadV2 Placeholder Pow Prod RaggedTensorToTensor RandomStandardNormal RandomUniform Range RealDiv
    Reciprocal Relu Relu6 Reshape ResizeBilinear ResizeNearestNeighbor ReverseV2 RightShift Round Rsqrt ScatterNd
    SelectV2 Selu Shape Sigmoid Sign Sin Sinh Size Softmax Softplus Softsign SpaceToDepth Split SplitV Sqrt Square
    SquaredDifference Squeeze StatelessIf StatelessWhile StaticRegexReplace StridedSlice StringLower StringSplitV2
    StringToHashBucketFast StringToHashBucketStrong StringUpper Sub Sum Tan Tanh TensorScatterAdd TensorScatterMax
    TensorScatterMin TensorScatterUpdate Tile TopKV2 Transpose UnicodeDecode UnicodeEncode
"""
OPERATIONS = frozenset(_NAMES.split())
"""All of them compute from their operands, or hold a table in memory; none knows of files, hosts or Python."""
