"""Reads artifacts back without loading their weights, to tell their contract."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kexport.errors import EmitError
from kexport.ir.contract import Contract, Port
from kexport.ir.dim import Dim, symbol
from kexport.ir.dim_parser import parse_dim
from kexport.ir.types import DType, TensorType
from kexport_onnx.bfloat16 import named, restored
from kexport_onnx.dtypes import DTYPES
from kexport_onnx.emission import CONTRACT_KEY, RUNTIME_KEY
from kexport_onnx.mapped import mapped
from kexport_onnx.wire import Field, bytes_field, fields
from kexport_onnx.writer import INLINE

_GRAPH = 7
_INITIALIZER = 5
_RAW_DATA = 9


def read_contract(path: Path) -> Contract:
    """Names, order, element types and dims as the file declares them, with the structure kept in its metadata.

    Raises:
        EmitError: the file is damaged.
    """
    model, _ = load_skeleton(path)
    try:
        structure = json.loads(_metadata(model).get(CONTRACT_KEY, "{}"))
    except ValueError as e:
        raise EmitError(f"the contract in the metadata is damaged: {e}", where=str(path)) from e
    anonymous = iter(range(1 << 30))
    halves = named(_metadata(model).get(CONTRACT_KEY))
    inputs, outputs = (
        restored([_port(i, anonymous) for i in infos], halves) for infos in (model.graph.input, model.graph.output)
    )
    return Contract(inputs, outputs, structure.get("input_structure"), structure.get("output_structure"))


def stored_types(path: Path) -> dict[str, DType]:
    """The element types that inputs have in the file.

    Raises:
        EmitError: the file is damaged.
    """
    model, _ = load_skeleton(path)
    return {i.name: _port(i, iter(range(1 << 30))).type.dtype for i in model.graph.input}


def read_facts(path: Path) -> dict[str, Any]:
    """The opset and the file version, and the first ONNX Runtime that runs it, if kexport wrote it down.

    Raises:
        EmitError: the file is damaged.
    """
    model, _ = load_skeleton(path)
    opset = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 1)
    runtime = _metadata(model).get(RUNTIME_KEY)
    return {"opset": opset, "ir_version": model.ir_version} | ({"onnxruntime": runtime} if runtime else {})


def _metadata(model: Any) -> dict[str, str]:
    return {p.key: p.value for p in model.metadata_props}


def load_skeleton(path: Path) -> tuple[Any, list[tuple[Any, int]]]:
    """The `ModelProto` without initializers, and the initializers without the bytes of large ones.

    With each initializer comes the number of bytes left out, 0 if it is whole.

    Raises:
        EmitError: the file is cut off or no protobuf.
    """
    from google.protobuf.message import DecodeError
    from onnx import ModelProto, TensorProto

    try:
        with mapped(path) as data:
            head, tensors = _split(data)
            return ModelProto.FromString(head), [(TensorProto.FromString(t), size) for t, size in tensors]
    except (DecodeError, EmitError, ValueError) as e:
        raise EmitError(f"this is no ONNX model: {e}", where=str(path)) from e


def _split(data: memoryview) -> tuple[bytes, list[tuple[bytes, int]]]:
    """The model message without initializers, and the initializer messages without large raw data."""
    head = bytearray()
    tensors = list[tuple[bytes, int]]()
    for f in fields(data):
        if f.number != _GRAPH:
            head += data[f.head : f.end]
            continue
        graph = bytearray()
        for g in fields(data, f.start, f.end):
            if g.number == _INITIALIZER:
                tensors.append(_lighten(data, g))
            else:
                graph += data[g.head : g.end]
        head += bytes_field(_GRAPH, bytes(graph))
    return bytes(head), tensors


def _lighten(data: memoryview, tensor: Field) -> tuple[bytes, int]:
    kept = bytearray()
    left_out = 0
    for f in fields(data, tensor.start, tensor.end):
        if f.number == _RAW_DATA and f.end - f.start >= INLINE:
            left_out += f.end - f.start
        else:
            kept += data[f.head : f.end]
    return bytes(kept), left_out


def _port(info: Any, anonymous: Iterator[int]) -> Port:
    tensor = info.type.tensor_type
    if tensor.elem_type not in DTYPES:
        raise EmitError(f"{info.name!r} has an element type that kexport does not know: {tensor.elem_type}")
    return Port(info.name, TensorType(DTYPES[tensor.elem_type], tuple(_dim(d, anonymous) for d in tensor.shape.dim)))


def _dim(dim: Any, anonymous: Iterator[int]) -> Dim:
    if dim.HasField("dim_value") and dim.dim_value >= 0:
        return dim.dim_value
    return parse_dim(dim.dim_param) if dim.dim_param else symbol(f"dim_{next(anonymous)}")
