"""Writes a SavedModel: one graph with the weights as constants, and the signature `serving_default`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import kexport
from kexport.errors import EmitError
from kexport.ir.contract import Contract, Port
from kexport.ir.types import DType
from kexport_graphdef.dtypes import CODES
from kexport_graphdef.emission import Emitted, static_shape
from kexport_graphdef.nodes import Attribute, Const, Ref, Shape
from kexport_graphdef.wire import Message, entry

MODEL = "saved_model.pb"
NOTES = "assets.extra/kexport.json"
"""The contract. TensorFlow leaves this folder to the user."""
SIGNATURE = "serving_default"
MAX_BYTES = (1 << 31) - 1
"""What protobuf reads."""
PRODUCER = 1882
"""The version of TensorFlow's graphs that this is made for."""
_METHOD = "tensorflow/serving/predict"


def write_model(path: Path, emitted: Emitted, contract: Contract) -> None:
    """Write the folder `path`; the same graph gives the same bytes.

    Raises:
        EmitError: the model has 2 GiB or more.
    """
    model = Message().int(1, 1).message(2, _meta_graph(emitted, contract))
    if model.size > MAX_BYTES:
        what = f"the model has {model.size} bytes; a SavedModel with its weights in the graph has fewer than 2 GiB"
        raise EmitError(what, hint="choose another target, such as onnx")
    (path / NOTES).parent.mkdir(parents=True)
    with (path / MODEL).open("wb") as file:
        model.write(file)
    notes = {"version": kexport.__version__, "contract": contract.to_json()}
    (path / NOTES).write_text(json.dumps(notes, indent=1, sort_keys=True) + "\n", encoding="utf-8", newline="\n")


def _meta_graph(emitted: Emitted, contract: Contract) -> Message:
    graph = Message()
    for const in emitted.consts:
        graph.message(1, _const(const))
    for node in emitted.nodes:
        graph.message(
            1, _node(node.name, node.kind, node.inputs, {k: _attribute(v) for k, v in node.attributes.items()})
        )
    graph.message(4, Message().int(1, PRODUCER))
    info = Message().bytes(4, "serve").bytes(5, "2.21.0").int(7, 1)
    signature = entry(SIGNATURE, _signature(emitted, contract))
    return Message().message(1, info).message(2, graph).message(5, signature)


def _signature(emitted: Emitted, contract: Contract) -> Message:
    signature = Message()
    for port in contract.inputs:
        signature.message(1, entry(port.name, _info(port, emitted.inputs[port.name])))
    for port in contract.outputs:
        signature.message(2, entry(port.name, _info(port, emitted.outputs[port.name])))
    return signature.bytes(3, _METHOD)


def _info(port: Port, ref: Ref) -> Message:
    return Message().bytes(1, f"{ref.name}:0").int(2, CODES[ref.dtype]).message(3, _shape(static_shape(port)))


def _const(const: Const) -> Message:
    tensor = Message().int(1, CODES[const.dtype]).message(2, _shape(Shape(const.shape))).const(4, const)
    return _node(const.name, "Const", (), {"dtype": _attribute(const.dtype), "value": Message().message(8, tensor)})


def _node(name: str, kind: str, inputs: Sequence[str], attributes: Mapping[str, Message]) -> Message:
    node = Message().bytes(1, name).bytes(2, kind)
    for operand in inputs:
        node.bytes(3, operand)
    for key in sorted(attributes):
        node.message(5, entry(key, attributes[key]))
    return node


def _attribute(value: Attribute) -> Message:
    match value:
        case bool():
            return Message().int(5, int(value))
        case int():
            return Message().int(3, value)
        case float():
            return Message().float(4, value)
        case str():
            return Message().bytes(2, value)
        case DType():
            return Message().int(6, CODES[value])
        case Shape():
            return Message().message(7, _shape(value))
        case _:
            return Message().message(1, _list(value))


def _list(values: Sequence[Any]) -> Message:
    message = Message()
    for value in values:
        message.bytes(2, value) if isinstance(value, str) else message.int(3, value)
    return message


def _shape(shape: Shape) -> Message:
    message = Message()
    for d in shape.dims:
        message.message(2, Message().int(1, d))
    return message
