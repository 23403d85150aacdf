"""Functions in a SavedModel. They name a tensor by node, result and place in the result: `split:output:1`."""

from __future__ import annotations

from collections.abc import Sequence

from kexport_savedmodel.messages import const_message, node_message
from kexport_shared.graphdef.dtypes import CODES
from kexport_shared.graphdef.nodes import Function, Ref
from kexport_shared.graphdef.wire import Message

_NAMES = {
    "y": """
        Abs Acos Acosh Asin Asinh Atan Atanh Cast Ceil Cos Cosh Erf Exp Expm1 Floor Invert IsFinite IsInf IsNan Log
        Log1p LogicalNot Neg Reciprocal Round Rsqrt Sigmoid Sign Sin Sinh Sqrt Square Tan Tanh Transpose
    """,
    "z": """
        Add AddV2 Atan2 BitwiseAnd BitwiseOr BitwiseXor Equal FloorDiv FloorMod Greater GreaterEqual LeftShift Less
        LessEqual LogicalAnd LogicalOr Maximum Minimum Mul NotEqual Pow RealDiv RightShift SquaredDifference Sub
    """,
    "activations": "Elu LeakyRelu Relu Relu6 Selu Softplus Softsign",
    "out": "Cumprod Cumsum",
    "resized_images": "ResizeBilinear ResizeNearestNeighbor",
    "logsoftmax": "LogSoftmax",
    "product": "MatMul",
    "softmax": "Softmax",
    "values indices": "TopKV2",
    "indices values shape": "StringSplitV2",
    "result": "RaggedTensorToTensor",
    "table_handle": "HashTableV2",
    "row_splits char_values": "UnicodeDecode",
    "values": "LookupTableFindV2",
}
RESULTS = {kind: names.split() for names, kinds in _NAMES.items() for kind in kinds.split()}
"""What the results of an op are called, if not `output`; an op with one name may have any number of results."""


def library_message(functions: Sequence[Function]) -> Message:
    """All functions."""
    library = Message()
    for function in functions:
        library.message(1, _function(function))
    return library


def result_name(kind: str, index: int) -> str:
    """How a function names a result of a node of this kind, without the node's name."""
    names = RESULTS.get(kind, ["output"])
    return f"{names[0]}:{index}" if len(names) == 1 else f"{names[index]}:0"


def _function(function: Function) -> Message:
    kinds = {const.name: "Const" for const in function.consts} | {n.name: n.kind for n in function.nodes}

    def spelled(name: str) -> str:
        node, _, index = name.partition(":")
        return f"{node}:{result_name(kinds[node], int(index or 0))}" if node in kinds else node

    results = {f"out_{i}": ref for i, ref in enumerate(function.outputs)}
    signature = Message().bytes(1, function.name)
    for ref in function.inputs:
        signature.message(2, _argument(ref.name, ref))
    for name, ref in results.items():
        signature.message(3, _argument(name, ref))
    message = Message().message(1, signature)
    for const in function.consts:
        message.message(3, const_message(const))
    for node in function.nodes:
        message.message(3, node_message(node, [spelled(name) for name in node.inputs]))
    for name, ref in results.items():
        message.message(4, Message().bytes(1, name).bytes(2, spelled(ref.name)))
    return message


def _argument(name: str, ref: Ref) -> Message:
    return Message().bytes(1, name).int(3, CODES[ref.dtype])
