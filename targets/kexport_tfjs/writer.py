"""Writes a graph model: `model.json`, and the weights in shards beside it."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import kexport
from kexport.errors import EmitError
from kexport.ir.contract import Contract, Port
from kexport.ir.types import DType
from kexport_shared.graphdef.dtypes import NAMES
from kexport_shared.graphdef.emission import Emitted, static_shape
from kexport_shared.graphdef.nodes import Attribute, Call, Const, Function, NodeDef, Ref, Shape
from kexport_tfjs.weights import Shards, encode

MODEL = "model.json"
PRODUCER = 1882
"""The version of TensorFlow's graphs, which the executor wants to be there."""


def write_model(path: Path, emitted: Emitted, contract: Contract, precision: str) -> None:
    """Write the folder `path`; the same graph gives the same bytes.

    Raises:
        EmitError: an element type that JavaScript lacks.
    """
    path.mkdir()
    shards = Shards(path)
    manifest = [shards.add(const.name, const.array(), encode(const, precision)) for const in emitted.all_consts()]
    document = {
        "format": "graph-model",
        "generatedBy": f"kexport {kexport.__version__}",
        "convertedBy": f"kexport {kexport.__version__}",
        "signature": signature(emitted, contract),
        "userDefinedMetadata": {"kexport": {"version": kexport.__version__, "contract": contract.to_json()}},
        "modelTopology": {
            "node": [*map(_const, emitted.consts), *map(_node, emitted.nodes)],
            "library": {"function": [_function(f) for f in emitted.functions]} if emitted.functions else {},
            "versions": {"producer": PRODUCER},
        },
        "weightsManifest": [{"paths": shards.close(), "weights": manifest}],
    }
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    (path / MODEL).write_text(text + "\n", encoding="utf-8", newline="\n")


def signature(emitted: Emitted, contract: Contract) -> dict[str, Any]:
    """Which tensors the model's own input and output names are."""
    return {
        "inputs": {p.name: _info(p, emitted.inputs[p.name]) for p in contract.inputs},
        "outputs": {p.name: _info(p, emitted.outputs[p.name]) for p in contract.outputs},
    }


def _info(port: Port, ref: Ref) -> dict[str, Any]:
    return {"name": f"{ref.name}:0", "dtype": _dtype(ref.dtype), "tensorShape": _shape(static_shape(port))}


def _const(const: Const) -> dict[str, Any]:
    """A constant; its elements are in the manifest alone."""
    dtype = _dtype(const.dtype)
    tensor = {"dtype": dtype, "tensorShape": _shape(Shape(const.shape))}
    return {"name": const.name, "op": "Const", "attr": {"value": {"tensor": tensor}, "dtype": {"type": dtype}}}


def _node(node: NodeDef) -> dict[str, Any]:
    attributes = {name: _attribute(value) for name, value in sorted(node.attributes.items())}
    return {"name": node.name, "op": node.kind, "input": node.inputs, "attr": attributes}


def _function(function: Function) -> dict[str, Any]:
    """A body; the constants that it names are those of the manifest."""
    results = {f"out_{i}": ref for i, ref in enumerate(function.outputs)}
    return {
        "signature": {
            "name": function.name,
            "inputArg": [{"name": ref.name, "type": _dtype(ref.dtype)} for ref in function.inputs],
            "outputArg": [{"name": name, "type": _dtype(ref.dtype)} for name, ref in results.items()],
        },
        "nodeDef": [*map(_const, function.consts), *map(_node, function.nodes)],
        "ret": {name: ref.name for name, ref in results.items()},
    }


def _attribute(value: Attribute) -> dict[str, Any]:
    """An attribute as the JSON form of protobuf has it: bytes in base64, 64-bit integers as text."""
    match value:
        case bool():
            return {"b": value}
        case int():
            return {"i": str(value)}
        case float():
            return {"f": value}
        case str():
            return {"s": _bytes(value)}
        case DType():
            return {"type": _dtype(value)}
        case Shape():
            return {"shape": _shape(value)}
        case Call():
            return {"func": {"name": value.function}}
        case _:
            return {"list": _list(value)}


def _list(values: Sequence[Any]) -> dict[str, Any]:
    if not values:
        return {}
    match values[0]:
        case str():
            return {"s": list(map(_bytes, values))}
        case DType():
            return {"type": list(map(_dtype, values))}
        case _:
            return {"i": list(map(str, values))}


def _bytes(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _shape(shape: Shape) -> dict[str, Any]:
    return {"dim": [{"size": str(d)} for d in shape.dims]}


def _dtype(dtype: DType) -> str:
    if dtype not in (DType.F32, DType.I32, DType.BOOL):
        raise EmitError(f"TensorFlow.js has no tensors of {dtype}")
    return NAMES[dtype]
