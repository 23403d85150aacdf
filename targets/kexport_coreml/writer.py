"""Packs an emitted program into a model and writes the package: the model, its weights, and a manifest."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kexport.errors import EmitError
from kexport.ir.dim import SymDim
from kexport.ir.op import Array
from kexport.ir.types import DType
from kexport_coreml.blob import Weight, entry_offsets, write_blob
from kexport_coreml.dtypes import CODES
from kexport_coreml.emission import Emission
from kexport_coreml.refs import Block, Call, Constant, Packed, Program
from kexport_coreml.signatures import OPSETS

DATA = Path("Data")
AUTHOR = "com.apple.CoreML"
MODEL_FILE = "model.mlmodel"
WEIGHT_FILE = "weight.bin"
_BLOB_NAME = f"@model_path/weights/{WEIGHT_FILE}"
MIN_BLOB_ELEMENTS = 10
"""Smaller constants stay in the program, as coremltools has it: Core ML reads them there."""
_ALWAYS_IN_BLOB = (DType.F16, DType.F32, DType.I8, DType.U8)
_IN_BLOB_SINCE_18 = (DType.I16, DType.U16, DType.I32, DType.U32)
_ITEMS = {"weights": "CoreML Model Weights", MODEL_FILE: "CoreML Model Specification"}
MODEL_LIMIT = 2**31 - 1


def add_program(model: Any, emission: Emission, ios: int) -> list[Weight]:
    """Give a model its program; the weights that its blob values point at, in order."""
    program = model.mlProgram
    opset = OPSETS[ios][0]
    program.version = 1
    function = program.functions["main"]
    function.opset = opset
    block = function.block_specializations[opset]
    for ref in emission.inputs:
        set_type(function.inputs.add(name=ref.name).type, ref.dtype, ref.shape)
    weights = _add_steps(block, emission.program, ios)
    block.outputs.extend(ref.name for ref in emission.outputs)
    return weights


def main_block(model: Any) -> Any:
    """The block of operations of a model's only function."""
    function = model.mlProgram.functions["main"]
    return function.block_specializations[function.opset]


def _add_steps(block: Any, program: Program, ios: int) -> list[Weight]:
    stored = [s for s in program.steps if isinstance(s, Packed) or (isinstance(s, Constant) and _in_blob(s, ios))]
    weights = [
        Weight(s.data, s.stored if isinstance(s, Packed) else s.ref.dtype)
        for s in stored
        if not isinstance(s.data, str)
    ]
    offsets = {s.ref.name: offset for s, offset in zip(stored, entry_offsets(weights), strict=True)}
    for step in program.steps:
        operation = block.operations.add()
        if isinstance(step, Call):
            _add_call(operation, step)
        elif isinstance(step, Packed):
            _add_packed(operation, step, offsets[step.ref.name])
        else:
            _add_constant(operation, step, offsets.get(step.ref.name))
    return weights


def _add_block(message: Any, block: Block) -> None:
    """A block inside an operation; its constants are outside."""
    for ref in block.inputs:
        set_type(message.inputs.add(name=ref.name).type, ref.dtype, ref.shape)
    for step in block.program.steps:
        assert isinstance(step, Call)
        _add_call(message.operations.add(), step)
    message.outputs.extend(block.outputs)


def _in_blob(step: Constant, ios: int) -> bool:
    allowed = (*_ALWAYS_IN_BLOB, *(_IN_BLOB_SINCE_18 if ios >= 18 else ()))
    return not isinstance(step.data, str) and step.data.size >= MIN_BLOB_ELEMENTS and step.ref.dtype in allowed


def _add_call(operation: Any, call: Call) -> None:
    operation.type = call.kind
    set_immediate(operation.attributes["name"], call.outputs[0].name, DType.STRING)
    for parameter, names in call.inputs.items():
        argument = operation.inputs[parameter]
        for name in names:
            argument.arguments.add(name=name)
    for ref in call.outputs:
        set_type(operation.outputs.add(name=ref.name).type, ref.dtype, ref.shape)
    for block in call.blocks:
        _add_block(operation.blocks.add(), block)


def _add_constant(operation: Any, constant: Constant, offset: int | None) -> None:
    ref = constant.ref
    operation.type = "const"
    set_immediate(operation.attributes["name"], ref.name, DType.STRING)
    value = operation.attributes["val"]
    if offset is None:
        set_immediate(value, constant.data, ref.dtype, ref.shape)
    else:
        _point(value, ref.dtype, ref.shape, offset)
    set_type(operation.outputs.add(name=ref.name).type, ref.dtype, ref.shape)


def _add_packed(operation: Any, packed: Packed, offset: int) -> None:
    """Parameters of these operations are attributes, before iOS 18."""
    ref = packed.ref
    operation.type = "constexpr_affine_dequantize"
    set_immediate(operation.attributes["name"], ref.name, DType.STRING)
    _point(operation.attributes["quantized_data"], packed.stored, ref.shape, offset)
    set_immediate(operation.attributes["zero_point"], np.zeros(()), packed.stored)
    set_immediate(operation.attributes["scale"], np.ones(()), ref.dtype)
    set_immediate(operation.attributes["axis"], np.zeros(()), DType.I32)
    set_type(operation.outputs.add(name=ref.name).type, ref.dtype, ref.shape)


def _point(value: Any, dtype: DType, shape: Sequence[Any], offset: int) -> None:
    """Fill a `Value` with a place in the weight file."""
    set_type(value.type, dtype, shape)
    value.blobFileValue.fileName, value.blobFileValue.offset = _BLOB_NAME, offset


def set_type(message: Any, dtype: DType, shape: Sequence[Any]) -> None:
    """Fill a `ValueType` with a tensor type; dims that are no numbers are unknown."""
    tensor = message.tensorType
    tensor.dataType = CODES[dtype]
    tensor.rank = len(shape)
    for dim in shape:
        added = tensor.dimensions.add()
        if isinstance(dim, SymDim):
            added.unknown.variadic = False
        else:
            added.constant.size = dim


def set_immediate(message: Any, data: Array | str, dtype: DType, shape: Sequence[Any] = ()) -> None:
    """Fill a `Value` with elements that stand in the program itself."""
    set_type(message.type, dtype, shape)
    tensor = message.immediateValue.tensor
    if isinstance(data, str):
        tensor.strings.values.append(data)
        return
    array = np.ascontiguousarray(data, dtype.numpy).reshape(-1)
    if dtype is DType.F32:
        tensor.floats.values.extend(array.tolist())
        tensor.floats.SetInParent()
    elif dtype is DType.BOOL:
        tensor.bools.values.extend(array.tolist())
        tensor.bools.SetInParent()
    elif dtype in (DType.I32, DType.I16, DType.U16):
        tensor.ints.values.extend(array.tolist())
        tensor.ints.SetInParent()
    else:
        tensor.bytes.values = array.tobytes()


def write_package(path: Path, model: Any, weights: Sequence[Weight]) -> None:
    """Write the folder.

    Raises:
        EmitError: the program without its weights is larger than protobuf allows.
    """
    inside = path / DATA / AUTHOR
    inside.mkdir(parents=True)
    data = model.SerializeToString(deterministic=True)
    if len(data) > MODEL_LIMIT:
        raise EmitError("the program without its weights takes more than 2 GiB", where=str(path))
    (inside / MODEL_FILE).write_bytes(data)
    if weights:
        (inside / "weights").mkdir()
        write_blob(inside / "weights" / WEIGHT_FILE, weights)
    names = [name for name in _ITEMS if weights or name != "weights"]
    text = json.dumps(_manifest(names), indent=4, sort_keys=True)
    (path / "Manifest.json").write_text(text + "\n", encoding="utf-8")


def _manifest(names: Sequence[str]) -> Mapping[str, Any]:
    """What is in the package; the identifiers are the same for every model."""
    ids = {name: str(uuid.uuid5(uuid.NAMESPACE_URL, f"kexport/{name}")).upper() for name in names}
    entries = {
        ids[name]: {"author": AUTHOR, "description": _ITEMS[name], "name": name, "path": f"{AUTHOR}/{name}"}
        for name in names
    }
    return {"fileFormatVersion": "1.0.0", "itemInfoEntries": entries, "rootModelIdentifier": ids[MODEL_FILE]}
