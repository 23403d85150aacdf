"""Faults in Core ML packages: in the program and in the weight file."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from kexport.ir.op import Array
from kexport_coreml.reader import model_path, read_model
from kexport_coreml.writer import main_block
from tests.faults.edits import Inapplicable
from tests.faults.file_fault import FileEdit, FileFault, at_file, removed, truncations
from tests.faults.stored import weight_faults

FLOAT32 = 11
"""DataType.FLOAT32 of MIL.proto."""
OTHERS = {
    "add": "sub",
    "sub": "add",
    "maximum": "minimum",
    "tanh": "sigmoid",
    "sigmoid": "tanh",
    "relu6": "relu",
    "silu": "relu",
    "reduce_mean": "reduce_sum",
    "reduce_max": "reduce_min",
    "max_pool": "avg_pool",
    "softplus": "softsign",
    "exp": "square",
    "reduce_argmax": "reduce_argmin",
    "less": "greater",
}
"""Operations and others that take the same parameters."""


def _weights(path: Path) -> Path:
    return path / "Data" / "com.apple.CoreML" / "weights" / "weight.bin"


def _edited(change: Callable[[Any], Any]) -> FileEdit:
    def edit(path: Path) -> str:
        model = read_model(path)
        where = change(model)
        model_path(path).write_bytes(model.SerializeToString())
        return str(where or "")

    return edit


def _parameter(name: str, change: Callable[[list[Any]], list[Any]], *kinds: str) -> FileEdit:
    """Other elements of a constant parameter, in the last operation that has it and where they differ."""

    def edit(model: Any) -> str:
        operations = main_block(model).operations
        constants = {o.outputs[0].name: o for o in operations if o.type == "const"}
        for operation in reversed(operations):
            arguments = operation.inputs[name].arguments if name in operation.inputs else ()
            made = constants.get(arguments[0].name) if len(arguments) == 1 else None
            if made is None or (kinds and operation.type not in kinds):
                continue
            tensor = made.attributes["val"].immediateValue.tensor
            kind = tensor.WhichOneof("value")
            values = getattr(tensor, kind).values if kind else b""
            changed = change(list(values)) if kind != "bytes" else []
            if len(changed) and changed != list(values):
                values[:] = changed
                return f"{operation.type} {operation.outputs[0].name}"
        raise Inapplicable

    return _edited(edit)


def _other_kind(model: Any) -> str:
    for operation in reversed(main_block(model).operations):
        if operation.type in OTHERS:
            was = operation.type
            operation.type = OTHERS[operation.type]
            return f"{was} {operation.outputs[0].name}"
    raise Inapplicable


def _operands_swapped(model: Any) -> str:
    for operation in reversed(main_block(model).operations):
        if operation.type in ("sub", "real_div", "matmul", "less"):
            x, y = (operation.inputs[k].arguments[0] for k in "xy")
            if x.name != y.name:
                x.name, y.name = y.name, x.name
                return f"{operation.type} {operation.outputs[0].name}"
    raise Inapplicable


def _blobs_swapped(model: Any) -> str:
    found: dict[Any, Any] = {}
    for operation in main_block(model).operations:
        value = operation.attributes.get("val")
        if value is None or not value.HasField("blobFileValue"):
            continue
        key = value.type.SerializeToString()
        if key in found:
            a = found[key].blobFileValue
            b = value.blobFileValue
            a.offset, b.offset = b.offset, a.offset
            return operation.outputs[0].name
        found[key] = value
    raise Inapplicable


def _output_renamed(model: Any) -> None:
    model.description.output[0].name += "_0"


def _outputs_reordered(model: Any) -> None:
    outputs = list(model.description.output)
    if len(outputs) < 2:
        raise Inapplicable
    del model.description.output[:]
    model.description.output.extend(reversed(outputs))


def _noted(model: Any) -> None:
    model.description.metadata.shortDescription = "seen by another tool"
    model.description.metadata.author = "nobody"


def _stored(path: Path) -> Iterator[tuple[str, int, tuple[int, ...]]]:
    """Name, first byte and shape of every float32 constant in the weight file."""
    data = _weights(path).read_bytes() if _weights(path).is_file() else b""
    for operation in main_block(read_model(path)).operations:
        value = operation.attributes.get("val")
        if value is None or not value.HasField("blobFileValue") or value.type.tensorType.dataType != FLOAT32:
            continue
        # storage/blob format: sentinel and type in 4 bytes each, then size and first byte in 8 bytes each
        (start,) = struct.unpack_from("<Q", data, value.blobFileValue.offset + 16)
        yield operation.outputs[0].name, start, tuple(d.constant.size for d in value.type.tensorType.dimensions)


def _read(path: Path) -> list[tuple[str, Array]]:
    data = _weights(path).read_bytes() if _weights(path).is_file() else b""
    return [(n, np.frombuffer(data, "<f4", prod(s), start).reshape(s).copy()) for n, start, s in _stored(path)]


def _write(path: Path, arrays: Mapping[str, Array]) -> None:
    data = bytearray(_weights(path).read_bytes())
    for name, start, _ in _stored(path):
        if name in arrays:
            data[start : start + arrays[name].nbytes] = arrays[name].tobytes()
    _weights(path).write_bytes(data)


TABLE = (
    *weight_faults(_read, _write),
    *truncations("weight file", _weights),
    *truncations("program", model_path)[:3],
    FileFault("weight file missing", removed(_weights)),
    FileFault("weight file shifted by one element", at_file(_weights, lambda d: d[:64] + bytes(4) + d[64:-4])),
    FileFault("weights point at each other", _edited(_blobs_swapped)),
    FileFault("strides off by one in the file", _parameter("strides", lambda s: [n + 1 for n in s])),
    FileFault("dilations lost in the file", _parameter("dilations", lambda d: [1] * len(d))),
    FileFault(
        "pads turned in the file",
        _parameter("pad", lambda p: [n for i in range(0, len(p), 2) for n in (p[i + 1], p[i])]),
    ),
    FileFault("kind of padding in the file", _parameter("pad_type", lambda p: ["valid" if p != ["valid"] else "same"])),
    FileFault("groups in the file", _parameter("groups", lambda g: [1])),
    FileFault("epsilon in the file", _parameter("epsilon", lambda e: [n * 1.1 for n in e])),
    FileFault("slope in the file", _parameter("alpha", lambda a: [n * 1.01 for n in a], "leaky_relu", "elu")),
    FileFault(
        "form of gelu in the file",
        _parameter("mode", lambda m: ["EXACT" if m != ["EXACT"] else "TANH_APPROXIMATION"], "gelu"),
    ),
    FileFault(
        "axis in the file",
        _parameter("axis", lambda a: [n - 1 for n in a], "softmax", "concat", "cumsum", "reduce_argmax"),
    ),
    FileFault("axes in the file", _parameter("axes", lambda a: [n - 1 for n in a])),
    FileFault("permutation in the file", _parameter("perm", lambda p: [p[0], *reversed(p[1:])])),
    FileFault("transposed product in the file", _parameter("transpose_y", lambda t: [not t[0]])),
    FileFault("exclusive sum in the file", _parameter("exclusive", lambda t: [True])),
    FileFault("other operator in the file", _edited(_other_kind)),
    FileFault("operands swapped in the file", _edited(_operands_swapped)),
    FileFault("output renamed in the file", _edited(_output_renamed), declared=True),
    FileFault("outputs reordered in the file", _edited(_outputs_reordered), declared=True),
    FileFault("notes added to the file", _edited(_noted), harmless=True),
)
