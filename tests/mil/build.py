"""Writes small packages by hand: a program, a weight file, a manifest, and nothing that checks them."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

from kexport_shared.mil.dtypes import BY_NAME, STRING
from kexport_shared.mil.proto import model_messages

ARRAY = {"fp32": 65568, "fp16": 65552, "int32": 131104, "int8": 131080}
FIELDS = {"fp32": "floats", "int32": "ints", "bool": "bools", "int64": "longInts", "int16": "ints"}
NAMES = {"float32": "fp32", "float16": "fp16"}
Size = int | None


class Builder:
    """A program with one function; values are known by name."""

    def __init__(self, opset: str = "CoreML6", version: int = 7):
        self.model = model_messages().Model(specificationVersion=version)
        self.function = self.model.mlProgram.functions["main"]
        self.function.opset = opset
        self.block = self.function.block_specializations[opset]
        self.weights = bytearray(64)
        struct.pack_into("<II", self.weights, 0, 0, 2)

    def input(self, name: str, shape: tuple[Size, ...], dtype: str = "fp32") -> str:
        """An input, described with the same shape (1 where it is not known)."""
        _typed(self.function.inputs.add(name=name).type, dtype, shape)
        array = self.model.description.input.add(name=name).type.multiArrayType
        array.dataType = ARRAY[dtype]
        array.shape.extend(s or 1 for s in shape)
        if None in shape:
            for size in shape:
                array.shapeRange.sizeRanges.add(lowerBound=size or 1, upperBound=size or -1)
        return name

    def const(self, name: str, value: Any, dtype: str = "", in_file: bool = False) -> str:
        """A constant, in the program or in the weight file."""
        op = self.block.operations.add(type="const")
        kind = dtype or ("" if isinstance(value, str) else _name(np.asarray(value)))
        self.value(op.attributes["val"], value, kind, in_file)
        _typed(op.outputs.add(name=name).type, kind, np.shape(value))
        return name

    def value(self, message: Any, value: Any, dtype: str, in_file: bool = False) -> None:
        """Fills a `Value` message."""
        _typed(message.type, dtype, np.shape(value))
        tensor = message.immediateValue.tensor
        if in_file:
            message.blobFileValue.fileName = "@model_path/weights/weight.bin"
            message.blobFileValue.offset = self.store(np.asarray(value).tobytes(), dtype)
        elif not dtype:
            tensor.strings.values.append(value)
        elif dtype in FIELDS:
            getattr(tensor, FIELDS[dtype]).values.extend(np.asarray(value).ravel().tolist())
        else:
            tensor.bytes.values = np.asarray(value).tobytes()

    def store(self, raw: bytes, dtype: str) -> int:
        """Appends an entry to the weight file and says where."""
        self.weights += bytes(-len(self.weights) % 64)
        offset = len(self.weights)
        self.weights += struct.pack("<IIQQQ", 0xDEADBEEF, BY_NAME[dtype].blob or 0, len(raw), offset + 64, 0)
        self.weights += bytes(64 - 32) + raw
        return offset

    def op(self, kind: str, name: str, results: list[tuple[str, str, tuple[Size, ...]]], **inputs: Any) -> str:
        """An operation; inputs are names, lists of names, or values that become constants."""
        bound = {key: self._bound(f"{name}_{key}", value) for key, value in inputs.items()}
        op = self.block.operations.add(type=kind)
        self.value(op.attributes["name"], name, "")
        for key, names in bound.items():
            for used in names:
                op.inputs[key].arguments.add(name=used)
        for result, dtype, shape in results:
            _typed(op.outputs.add(name=result).type, dtype, shape)
        return results[0][0] if results else ""

    def loop(self, name: str, state: list[tuple[str, str, tuple[Size, ...]]], **blocks: Builder) -> str:
        """A `while_loop` over values by name and type, whose blocks `test` and `body` are those of other builders."""
        self.op("while_loop", name, [(name, *kind) for _, *kind in state], loop_vars=[value for value, *_ in state])
        op = self.block.operations[-1]
        for key in ("test", "body"):
            op.blocks.add().CopyFrom(blocks[key].block)
            for value in blocks[key].function.inputs:
                op.blocks[-1].inputs.add().CopyFrom(value)
        return name

    def _bound(self, name: str, value: Any) -> list[str]:
        if isinstance(value, list):
            return value
        if isinstance(value, str) and not value.startswith("="):
            return [value]
        return [self.const(name, value[1:] if isinstance(value, str) else value)]

    def output(self, name: str, dtype: str = "fp32", shape: tuple[int, ...] = ()) -> None:
        """Names a result of the program."""
        self.block.outputs.append(name)
        array = self.model.description.output.add(name=name).type.multiArrayType
        array.dataType = ARRAY[dtype]
        array.shape.extend(shape)

    def save(self, root: Path) -> Path:
        """Writes the package."""
        inner = root / "Data" / "com.apple.CoreML"
        (inner / "weights").mkdir(parents=True)
        (inner / "model.mlmodel").write_bytes(self.model.SerializeToString())
        (inner / "weights" / "weight.bin").write_bytes(bytes(self.weights))
        items = {"A": {"path": "com.apple.CoreML/model.mlmodel"}, "B": {"path": "com.apple.CoreML/weights"}}
        manifest = {"fileFormatVersion": "1.0.0", "itemInfoEntries": items, "rootModelIdentifier": "A"}
        (root / "Manifest.json").write_text(json.dumps(manifest), "utf-8")
        return root


def _name(array: np.ndarray) -> str:
    return NAMES.get(array.dtype.name, array.dtype.name)


def _typed(message: Any, dtype: str, shape: tuple[Size, ...]) -> None:
    tensor = message.tensorType
    tensor.dataType = BY_NAME[dtype].code if dtype else STRING
    tensor.rank = len(shape)
    for size in shape:
        dimension = tensor.dimensions.add()
        if size is None:
            dimension.unknown.variadic = False
        else:
            dimension.constant.size = size
