"""The program as plain data: functions, blocks, operations and types, parsed once from the protobuf messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from kexport.errors import VerifyError
from kexport_shared.mil.dtypes import STRING, DType, dtype_of
from kexport_shared.mil.values import Weights, decode

VARIADIC = frozenset({"values", "loop_vars", "ref_tensors", "begins", "ends", "end_masks", "elem_shape"})


class TensorType(NamedTuple):
    """A declared tensor type: `dtype` is None for text, `shape` None for any rank, a size None where not known."""

    dtype: DType | None
    shape: tuple[int | None, ...] | None


class Output(NamedTuple):
    """One declared result; `type` is None for lists, dictionaries and states."""

    name: str
    type: TensorType | None


class Reference(NamedTuple):
    """The use of a value by name."""

    name: str


class Block(NamedTuple):
    """A straight run of operations with inputs and results."""

    inputs: tuple[Output, ...]
    outputs: tuple[str, ...]
    operations: tuple[Operation, ...]


class Operation(NamedTuple):
    """One operation; an argument is a `Reference`, a literal, or a list of these where the parameter takes several."""

    type: str
    name: str
    arguments: Mapping[str, Any]
    outputs: tuple[Output, ...]
    blocks: tuple[Block, ...]


class State(NamedTuple):
    """A state input: the tensor it wraps."""

    name: str
    type: TensorType


class Function(NamedTuple):
    """One function of the program under the opset it is written for."""

    opset: str
    inputs: tuple[Output, ...]
    states: tuple[State, ...]
    body: Block


def parse_function(message: Any, weights: Weights) -> Function:
    """The function of a `Function` message, in the one specialization it has."""
    if message.opset not in message.block_specializations:
        raise VerifyError(f"the function has no block for its opset {message.opset}")
    states = [i for i in message.inputs if i.type.WhichOneof("type") == "stateType"]
    plain = [i for i in message.inputs if i.type.WhichOneof("type") != "stateType"]
    return Function(
        message.opset,
        tuple(_output(i) for i in plain),
        tuple(State(s.name, tensor_type(s.type.stateType.wrappedType.tensorType)) for s in states),
        _block(message.block_specializations[message.opset], weights),
    )


def tensor_type(message: Any) -> TensorType:
    """The type of a `TensorType` message."""
    dtype = None if message.dataType == STRING else dtype_of(message.dataType)
    if any(d.WhichOneof("dimension") == "unknown" and d.unknown.variadic for d in message.dimensions):
        return TensorType(dtype, None)
    sizes = (d.constant.size if d.WhichOneof("dimension") == "constant" else None for d in message.dimensions)
    return TensorType(dtype, tuple(sizes))


def _block(message: Any, weights: Weights) -> Block:
    inputs = tuple(_output(i) for i in message.inputs)
    return Block(inputs, tuple(message.outputs), tuple(_operation(o, weights) for o in message.operations))


def _operation(message: Any, weights: Weights) -> Operation:
    fixed = {name: decode(value, weights) for name, value in message.attributes.items()}
    name = str(fixed.pop("name", "")) or (message.outputs[0].name if message.outputs else message.type)
    given = {key: _argument(key, argument, weights) for key, argument in message.inputs.items()}
    outputs = tuple(_output(o) for o in message.outputs)
    blocks = tuple(_block(b, weights) for b in message.blocks)
    return Operation(message.type, name, {**fixed, **given}, outputs, blocks)


def _argument(name: str, message: Any, weights: Weights) -> Any:
    bound = [
        Reference(b.name) if b.WhichOneof("binding") == "name" else decode(b.value, weights) for b in message.arguments
    ]
    if name in VARIADIC:
        return bound
    if len(bound) != 1:
        raise VerifyError(f"parameter {name} takes one value, it is given {len(bound)}")
    return bound[0]


def _output(message: Any) -> Output:
    kind = message.type.WhichOneof("type")
    return Output(message.name, tensor_type(message.type.tensorType) if kind == "tensorType" else None)
