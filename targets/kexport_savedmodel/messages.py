"""The messages that a GraphDef is made of. Source of the numbers: tensorflow/core/framework/*.proto."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kexport.ir.types import DType
from kexport_shared.graphdef.dtypes import CODES
from kexport_shared.graphdef.nodes import Attribute, Call, Const, NodeDef, Shape
from kexport_shared.graphdef.wire import Message, entry


def node_message(node: NodeDef, inputs: Sequence[str] | None = None) -> Message:
    """A node; its operands may be written in another form."""
    attributes = {name: _attribute(value) for name, value in node.attributes.items()}
    return _named(node.name, node.kind, node.inputs if inputs is None else inputs, attributes)


def const_message(const: Const) -> Message:
    """A constant with its elements."""
    tensor = Message().int(1, CODES[const.dtype]).message(2, shape_message(Shape(const.shape)))
    if const.dtype is DType.STRING:
        for text in const.array().reshape(-1).tolist():
            tensor.bytes(8, text)
    else:
        tensor.const(4, const)
    return _named(const.name, "Const", (), {"dtype": _attribute(const.dtype), "value": Message().message(8, tensor)})


def _named(name: str, kind: str, inputs: Sequence[str], attributes: Mapping[str, Message]) -> Message:
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
        case Call():
            return Message().message(10, Message().bytes(1, value.function))
        case Shape():
            return Message().message(7, shape_message(value))
        case _:
            return Message().message(1, _list(value))


def _list(values: Sequence[Any]) -> Message:
    message = Message()
    for value in values:
        match value:
            case str():
                message.bytes(2, value)
            case DType():
                message.int(6, CODES[value])
            case _:
                message.int(3, value)
    return message


def shape_message(shape: Shape) -> Message:
    """Sizes, -1 where they are not known."""
    message = Message()
    for d in shape.dims:
        message.message(2, Message().int(1, d))
    return message
