"""Faults in TF Lite files, unpacked and packed again with the schema's own classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from kexport.ir.op import Array
from tests.faults.edits import Inapplicable
from tests.faults.file_fault import FileEdit, FileFault, truncations
from tests.faults.stored import weight_faults

Change = Callable[[Any], Any]
OTHERS = {
    "ADD": "SUB",
    "MUL": "DIV",
    "LOGISTIC": "TANH",
    "TANH": "LOGISTIC",
    "MAXIMUM": "MINIMUM",
    "RELU": "RELU6",
    "ELU": "RELU",
    "MAX_POOL_2D": "AVERAGE_POOL_2D",
    "MEAN": "SUM",
    "REDUCE_MAX": "REDUCE_MIN",
    "LESS": "GREATER",
    "EXP": "ABS",
}
"""Operators and others that take the same operands."""


@cache
def _schema() -> Any:
    from ai_edge_litert import schema_py_generated

    return schema_py_generated


def _load(path: Path) -> Any:
    return _schema().ModelT.InitFromObj(_schema().Model.GetRootAs(path.read_bytes(), 0))


def _save(path: Path, model: Any) -> None:
    import flatbuffers

    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(builder.Output())


def _edited(change: Change) -> FileEdit:
    def edit(path: Path) -> str:
        model = _load(path)
        where = change(model)
        _save(path, model)
        return str(where or "")

    return edit


def _operators(model: Any) -> Iterator[tuple[str, Any]]:
    """Name and table of every operator of the main subgraph, the last first."""
    names = {v: k for k, v in vars(_schema().BuiltinOperator).items() if isinstance(v, int)}
    for operator in reversed(model.subgraphs[0].operators):
        yield names[model.operatorCodes[operator.opcodeIndex].builtinCode], operator


def _option(name: str, change: Callable[[Any], Any], *kinds: str) -> FileEdit:
    """Another value of an option, in the last operator that has it and where it differs."""

    def edit(model: Any) -> str:
        for kind, operator in _operators(model):
            options = operator.builtinOptions
            if not hasattr(options, name) or (kinds and kind not in kinds):
                continue
            changed = change(getattr(options, name))
            if changed != getattr(options, name):
                setattr(options, name, changed)
                return kind
        raise Inapplicable

    return _edited(edit)


def _constant(position: int, change: Callable[[Array], Array], *kinds: str) -> FileEdit:
    """Another constant operand of int32, such as axes and permutations."""

    def edit(model: Any) -> str:
        tensors = model.subgraphs[0].tensors
        for kind, operator in _operators(model):
            if kind not in kinds or len(operator.inputs) <= position:
                continue
            tensor = tensors[operator.inputs[position]]
            data = model.buffers[tensor.buffer].data
            if data is None or tensor.type != _schema().TensorType.INT32:
                continue
            array = np.asarray(data, np.uint8).view(np.int32)
            shape = array.shape if tensor.shape is None else tuple(tensor.shape)
            changed = np.ascontiguousarray(change(array.reshape(shape)), np.int32).reshape(-1)
            if not np.array_equal(changed, array):
                model.buffers[tensor.buffer].data = changed.view(np.uint8)
                return kind
        raise Inapplicable

    return _edited(edit)


def _other_kind(model: Any) -> str:
    for kind, operator in _operators(model):
        if kind in OTHERS:
            code = _schema().OperatorCodeT()
            code.builtinCode = getattr(_schema().BuiltinOperator, OTHERS[kind])
            code.deprecatedBuiltinCode = min(code.builtinCode, 127)
            code.version = 1
            operator.opcodeIndex = len(model.operatorCodes)
            model.operatorCodes.append(code)
            return kind
    raise Inapplicable


def _operands_swapped(model: Any) -> str:
    for kind, operator in _operators(model):
        first, second, *rest = [*operator.inputs[:2], -1, -1]
        if kind in ("SUB", "DIV", "CONCATENATION", "BATCH_MATMUL") and first != second and rest:
            operator.inputs = np.array([second, first, *operator.inputs[2:]], np.int32)
            return kind
    raise Inapplicable


def _operand_skipped(model: Any) -> str:
    """Who reads the result of an activation reads what the activation reads."""
    for kind, operator in _operators(model):
        if kind in ("TANH", "LOGISTIC", "RELU", "ELU", "GELU", "SOFTMAX", "EXP", "ABS", "LEAKY_RELU"):
            users = [u for _, u in _operators(model) if operator.outputs[0] in u.inputs]
            for user in users:
                user.inputs = np.where(user.inputs == operator.outputs[0], operator.inputs[0], user.inputs)
            if users:
                return kind
    raise Inapplicable


def _outputs_reordered(model: Any) -> None:
    graph = model.subgraphs[0]
    if len(graph.outputs) < 2:
        raise Inapplicable
    graph.outputs = graph.outputs[::-1].copy()


def _output_names_swapped(model: Any) -> str:
    """Two outputs of the signature point at each other's tensors."""
    maps = model.signatureDefs[0].outputs
    tensors = model.subgraphs[0].tensors
    for i, a in enumerate(maps):
        for b in maps[:i]:
            x = tensors[a.tensorIndex]
            y = tensors[b.tensorIndex]
            if x.type == y.type and list(x.shape) == list(y.shape):
                a.tensorIndex, b.tensorIndex = b.tensorIndex, a.tensorIndex
                return f"{a.name!r}, {b.name!r}"
    raise Inapplicable


def _renamed(part: str) -> Change:
    def change(model: Any) -> None:
        entry = getattr(model.signatureDefs[0], part)[0]
        entry.name = entry.name + b"_0"

    return change


def _no_signature(model: Any) -> None:
    model.signatureDefs = []


def _fixed(model: Any) -> None:
    """Sizes that may change are written as fixed ones."""
    graph = model.subgraphs[0]
    for index in (*graph.inputs, *graph.outputs):
        graph.tensors[index].shapeSignature = None


def _retyped(model: Any) -> str:
    graph = model.subgraphs[0]
    tensor = graph.tensors[graph.outputs[0]]
    if tensor.type != _schema().TensorType.FLOAT32:
        raise Inapplicable
    tensor.type = _schema().TensorType.INT32
    return str(tensor.name)


def _tensors_renamed(model: Any) -> None:
    for i, tensor in enumerate(model.subgraphs[0].tensors):
        tensor.name = f"t{i}".encode()


def _noted(model: Any) -> None:
    model.description = b"seen by another tool"


def _read(path: Path) -> list[tuple[str, Array]]:
    model = _load(path)
    found: list[tuple[str, Array]] = []
    for i, tensor in enumerate(model.subgraphs[0].tensors):
        data = model.buffers[tensor.buffer].data
        if data is not None and len(data) and tensor.type == _schema().TensorType.FLOAT32:
            found.append((str(i), np.asarray(data, np.uint8).view(np.float32).reshape(tuple(tensor.shape))))
    return found


def _write(path: Path, arrays: Mapping[str, Array]) -> None:
    model = _load(path)
    for name, array in arrays.items():
        buffer = model.buffers[model.subgraphs[0].tensors[int(name)].buffer]
        buffer.data = array.reshape(-1).view(np.uint8)
    _save(path, model)


TABLE = (
    *weight_faults(_read, _write),
    *truncations("TF Lite file", lambda path: path),
    FileFault("padding in the file", _option("padding", lambda p: 1 - p)),
    FileFault("stride off by one in the file", _option("strideH", lambda s: s + 1)),
    FileFault("dilation lost in the file", _option("dilationWFactor", lambda d: 1)),
    FileFault("fused activation lost", _option("fusedActivationFunction", lambda a: 0)),
    FileFault("fused activation added", _option("fusedActivationFunction", lambda a: a or 1)),
    FileFault("smaller window in the file", _option("filterHeight", lambda f: max(1, f - 1))),
    FileFault("form of gelu in the file", _option("approximate", lambda a: not a, "GELU")),
    FileFault("slope in the file", _option("alpha", lambda a: a * 1.01, "LEAKY_RELU")),
    FileFault("sharpness of softmax in the file", _option("beta", lambda b: 1.001)),
    FileFault("half pixels lost in the file", _option("halfPixelCenters", lambda h: False)),
    FileFault("transposed product in the file", _option("adjY", lambda a: not a)),
    FileFault("exclusive sum in the file", _option("exclusive", lambda e: True)),
    FileFault("reversed sum in the file", _option("reverse", lambda e: True)),
    FileFault("border repeats its edge in the file", _option("mode", lambda m: 1 - m, "MIRROR_PAD")),
    FileFault("permutation in the file", _constant(1, lambda p: p[[0, *range(len(p) - 1, 0, -1)]], "TRANSPOSE")),
    FileFault("border on the other side in the file", _constant(1, lambda p: p[:, ::-1], "PAD", "MIRROR_PAD")),
    FileFault("axes in the file", _constant(1, lambda a: a - 1, "MEAN", "SUM", "REDUCE_MAX", "ARG_MAX", "REVERSE_V2")),
    FileFault("other operator in the file", _edited(_other_kind)),
    FileFault("operands swapped in the file", _edited(_operands_swapped)),
    FileFault("activation bypassed in the file", _edited(_operand_skipped)),
    FileFault("outputs reordered in the file", _edited(_outputs_reordered), declared=True),
    FileFault("output names swapped in the file", _edited(_output_names_swapped)),
    FileFault("output renamed in the file", _edited(_renamed("outputs")), declared=True),
    FileFault("input renamed in the file", _edited(_renamed("inputs")), declared=True),
    FileFault("signature lost", _edited(_no_signature)),
    FileFault("batch fixed in the file", _edited(_fixed), declared=True),
    FileFault("output type in the file", _edited(_retyped), declared=True, wild=True),
    FileFault("inner names changed in the file", _edited(_tensors_renamed), harmless=True),
    FileFault("notes added to the file", _edited(_noted), harmless=True),
)
