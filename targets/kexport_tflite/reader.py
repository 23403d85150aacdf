"""Reads an artifact back: its contract is taken from the tensors."""

from __future__ import annotations

import json
import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kexport.errors import EmitError, GraphError
from kexport.ir.contract import Contract, Port
from kexport.ir.dim import Dim, SymDim, symbol
from kexport.ir.types import DType, TensorType
from kexport_tflite.claims import check_claims
from kexport_tflite.emission import CONTRACT, SIGNATURE
from kexport_tflite.writer import IDENTIFIER, TYPES, schema

_DAMAGED = (
    struct.error,
    IndexError,
    ValueError,
    TypeError,
    AttributeError,
    OverflowError,
    MemoryError,
    RecursionError,
)
"""What the schema's classes raise on bytes that make no sense, and what comes of a table that is not there."""


def read_contract(path: Path) -> Contract:
    """The contract as the tensors have it; dynamic dims get the names that the metadata remember.

    Raises:
        EmitError: not a TF Lite file, or one without the signature.
    """
    with opened(path) as (model, _):
        kept = _kept_contract(model, path)
        signature = check_signature(model, path)
        graph = model.Subgraphs(signature.SubgraphIndex())
        inputs, outputs = (
            tuple(_port(graph, t, ports) for t in tensors)
            for tensors, ports in (
                (_in_order(signature, "Inputs", graph.InputsAsNumpy()), kept.inputs if kept else ()),
                (_in_order(signature, "Outputs", graph.OutputsAsNumpy()), kept.outputs if kept else ()),
            )
        )
    return Contract(inputs, outputs, kept and kept.input_structure, kept and kept.output_structure)


@contextmanager
def opened(path: Path) -> Iterator[tuple[Any, int]]:
    """The model, read through a memory map, and the file's size; damage becomes an EmitError."""
    try:
        require(path.stat().st_size > 2 * len(IDENTIFIER), "this is no TF Lite model", path)
        with path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)  # closed with the last array that looks into it
        require(data[4:8] == IDENTIFIER, "this is no TF Lite model", path)
        model = schema().Model.GetRootAs(data, 0)
        check_claims(model, len(data))
        yield model, len(data)
    except OSError as e:
        raise EmitError(f"the model cannot be read: {e.strerror}", where=str(path)) from e
    except EmitError as e:
        raise e.located(str(path)) from None
    except _DAMAGED as e:
        raise EmitError(f"the model is damaged: {e}", where=str(path)) from e


def require(holds: bool, what: str, path: Path) -> None:
    if not holds:
        raise EmitError(what, where=str(path))


def check_signature(model: Any, path: Path) -> Any:
    """The one signature, whose tensors are those of its subgraph."""
    found = [model.SignatureDefs(i) for i in range(model.SignatureDefsLength())]
    signature = next((s for s in found if s.SignatureKey() == SIGNATURE.encode()), None)
    require(signature is not None, f"there is no signature {SIGNATURE!r}", path)
    assert signature is not None
    graph = model.Subgraphs(signature.SubgraphIndex())
    for what, tensors in (("Inputs", graph.InputsAsNumpy()), ("Outputs", graph.OutputsAsNumpy())):
        named = {t for _, t in _in_order(signature, what, tensors)}
        wanted = set() if isinstance(tensors, int) else {int(t) for t in tensors}
        require(named == wanted, f"the signature does not name the {what.lower()} of the graph", path)
    return signature


def _in_order(signature: Any, what: str, tensors: Any) -> list[tuple[str, int]]:
    """Names and tensors of a signature, in the order of the subgraph."""
    length = getattr(signature, what + "Length")()
    get = getattr(signature, what)
    names = [(get(i).Name().decode(), get(i).TensorIndex()) for i in range(length)]
    order = {} if isinstance(tensors, int) else {int(t): i for i, t in enumerate(tensors)}
    return sorted(names, key=lambda pair: order.get(pair[1], len(order)))


def _kept_contract(model: Any, path: Path) -> Contract | None:
    for i in range(model.MetadataLength()):
        entry = model.Metadata(i)
        if entry.Name() == CONTRACT.encode():
            buffer = model.Buffers(entry.Buffer())
            blob = _outside(path, buffer) if buffer.Offset() > 1 else buffer.DataAsNumpy().tobytes()
            try:
                return Contract.from_json(json.loads(blob))
            except (ValueError, KeyError, GraphError) as e:
                raise EmitError(f"the contract in the metadata is damaged: {e}", where=str(path)) from e
    return None


def _outside(path: Path, buffer: Any) -> bytes:
    require(buffer.Offset() + buffer.Size() <= path.stat().st_size, "the contract ends beyond the file", path)
    with path.open("rb") as file:
        file.seek(buffer.Offset())
        return file.read(buffer.Size())


def _port(graph: Any, named: tuple[str, int], kept: tuple[Port, ...]) -> Port:
    name, index = named
    tensor = graph.Tensors(index)
    known = next((p.type.shape for p in kept if p.name == name), ())
    signature = tensor.ShapeSignatureAsNumpy()
    dims = shape_of(tensor) if isinstance(signature, int) else tuple(int(d) for d in signature)
    shape = tuple(_dim(d, known, axis, f"{name}_{axis}") for axis, d in enumerate(dims))
    return Port(name, TensorType(dtype_of(tensor, Path()), shape))


def _dim(dim: int, known: tuple[Dim, ...], axis: int, name: str) -> Dim:
    if dim >= 0:
        return dim
    remembered = known[axis] if axis < len(known) else None
    return remembered if isinstance(remembered, SymDim) else symbol("".join(c if c.isalnum() else "_" for c in name))


def shape_of(tensor: Any) -> tuple[int, ...]:
    values = tensor.ShapeAsNumpy()
    return () if isinstance(values, int) else tuple(int(d) for d in values)


def dtype_of(tensor: Any, path: Path) -> DType:
    numbers = {getattr(schema().TensorType, name): dtype for dtype, name in TYPES.items()}
    require(tensor.Type() in numbers, f"element type {tensor.Type()} is not known", path)
    return numbers[tensor.Type()]
