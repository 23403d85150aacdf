"""Reads SavedModels of ours back, to tell their contract. Needs no TensorFlow."""

from __future__ import annotations

import json
import mmap
from pathlib import Path
from typing import NamedTuple

from kexport.errors import EmitError, GraphError
from kexport.ir.contract import Contract, Port
from kexport.ir.dim import Dim, symbol
from kexport.ir.types import DType, TensorType
from kexport.paths import inside
from kexport_savedmodel.writer import MODEL, NOTES, ON_LOAD, SIGNATURE
from kexport_shared.graphdef.dtypes import BY_CODE
from kexport_shared.graphdef.wire import fields


class Info(NamedTuple):
    """One tensor of the signature: name in the graph, element type, sizes (-1 where dynamic)."""

    tensor: str
    dtype: DType
    shape: tuple[int, ...]


def read_contract(path: Path) -> Contract:
    """Names, element types and sizes as the signature has them; order, structure and names of sizes from the notes.

    Raises:
        EmitError: the files are damaged, or do not agree.
    """
    inputs, outputs = signature(meta_graph(path))
    try:
        own = Contract.from_json(json.loads((path / NOTES).read_text(encoding="utf-8"))["contract"])
    except (OSError, ValueError, KeyError, TypeError, GraphError) as e:
        raise EmitError(f"{NOTES} is missing or damaged: {e}", where=str(path)) from e
    for ports, infos in ((own.inputs, inputs), (own.outputs, outputs)):
        if sorted(p.name for p in ports) != sorted(infos):
            raise EmitError(f"the signature and {NOTES} name different tensors", where=str(path))
    return Contract(
        tuple(_port(p, inputs[p.name]) for p in own.inputs),
        tuple(_port(p, outputs[p.name]) for p in own.outputs),
        own.input_structure,
        own.output_structure,
    )


def read_inputs(path: Path) -> dict[str, str]:
    """The tensor of each input of the signature, by the input's name."""
    return {name: info.tensor for name, info in signature(meta_graph(path))[0].items()}


def _port(own: Port, info: Info) -> Port:
    same = own.type.rank == len(info.shape)
    dims: list[Dim] = []
    for axis, size in enumerate(info.shape):
        mine = own.type.shape[axis] if same else symbol(f"dim_{axis}")
        dims.append(size if size >= 0 else mine if not isinstance(mine, int) else symbol(f"dim_{axis}"))
    return Port(own.name, TensorType(info.dtype, tuple(dims)))


def meta_graph(path: Path) -> memoryview:
    """The bytes of the MetaGraphDef, mapped as long as something refers to them.

    Raises:
        EmitError: there is none.
    """
    try:
        return last(model(path), 2)
    except EmitError as e:
        raise e.located(str(path)) from None


def model(path: Path) -> memoryview:
    """The bytes of the whole file, mapped as long as something refers to them.

    Raises:
        EmitError: there is none, or it is empty.
    """
    try:
        with inside(path, MODEL, EmitError).open("rb") as file:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError) as e:
        raise EmitError(f"this is no SavedModel: {e}", where=str(path)) from e


def last(data: memoryview, number: int) -> memoryview:
    """The bytes of a field of a message; of the last one, if there are many.

    Raises:
        EmitError: there is none.
    """
    found = [f.data for f in fields(data) if f.number == number]
    if not found:
        raise EmitError(f"field {number} is missing")
    return found[-1]


def signature(meta: memoryview) -> tuple[dict[str, Info], dict[str, Info]]:
    """The inputs and the outputs that the signature names.

    Raises:
        EmitError: there is no signature.
    """
    for field in fields(meta):
        if field.number == 5 and bytes(last(field.data, 1)).decode() == SIGNATURE:
            body = last(field.data, 2)
            return _infos(body, 1), _infos(body, 2)
    raise EmitError(f"there is no signature {SIGNATURE}")


def run_on_load(meta: memoryview) -> list[str]:
    """The nodes that are to be run when the model is loaded."""
    listed = [last(f.data, 2) for f in fields(meta) if f.number == 4 and bytes(last(f.data, 1)).decode() == ON_LOAD]
    return [f.text for found in listed for f in fields(last(found, 1))]


def _infos(signature: memoryview, number: int) -> dict[str, Info]:
    found: dict[str, Info] = {}
    for field in fields(signature):
        if field.number == number:
            parts = {f.number: f for f in fields(last(field.data, 2))}
            key = bytes(last(field.data, 1)).decode()
            found[key] = Info(parts[1].text, BY_CODE[parts[2].value], sizes(parts[3].data))
    return found


def sizes(shape: memoryview) -> tuple[int, ...]:
    """The sizes in a shape, -1 where they are not known."""
    dims = [f.data for f in fields(shape) if f.number == 2]
    return tuple(next((f.value for f in fields(d) if f.number == 1), 0) for d in dims)
