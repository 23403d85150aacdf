"""Reads an artifact back: its structure is checked without running it, and its contract is taken from the tensors."""

from __future__ import annotations

import json
import math
import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kexport.errors import EmitError, GraphError
from kexport.ir.contract import Contract, Port
from kexport.ir.dim import Dim, SymDim, symbol
from kexport.ir.types import DType, TensorType, element_count
from kexport_tflite.claims import check_claims
from kexport_tflite.emission import CONTRACT, SIGNATURE
from kexport_tflite.model import NO_TENSOR
from kexport_tflite.operators import OPERATORS
from kexport_tflite.writer import IDENTIFIER, SCHEMA_VERSION, TYPES, schema

_DAMAGED = (struct.error, IndexError, ValueError, TypeError, OverflowError, MemoryError, RecursionError)
"""What the schema's classes raise on bytes that make no sense."""
_BITS = {DType.I4: 4, DType.U4: 4}

_BODIES: dict[str, tuple[str, dict[str, tuple[int, int | None]]]] = {
    "IF": ("IfOptions", {"ThenSubgraphIndex": (-1, None), "ElseSubgraphIndex": (-1, None)}),
    "WHILE": ("WhileOptions", {"CondSubgraphIndex": (0, 1), "BodySubgraphIndex": (0, None)}),
}
"""By operator: its options, and by the field that names a body, how many inputs more it has than the operator, and how
many outputs (None: as many as the operator)."""


def validate(path: Path) -> None:
    """Check the file: structure, indices, operator versions, sizes of constants, names.

    Raises:
        EmitError: says what is wrong.
    """
    with _opened(path) as (model, size):
        _require(
            model.Version() == SCHEMA_VERSION, f"schema version {model.Version()}, known is {SCHEMA_VERSION}", path
        )
        names = _operator_names(model, path)
        for i in range(model.SubgraphsLength()):
            _check_subgraph(model, model.Subgraphs(i), names, size, path)
        _check_signature(model, path)


def read_contract(path: Path) -> Contract:
    """The contract as the tensors have it; dynamic dims get the names that the metadata remember.

    Raises:
        EmitError: not a TF Lite file, or one without the signature.
    """
    with _opened(path) as (model, _):
        kept = _kept_contract(model, path)
        signature = _check_signature(model, path)
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
def _opened(path: Path) -> Iterator[tuple[Any, int]]:
    """The model, read through a memory map, and the file's size; damage becomes an EmitError."""
    try:
        _require(path.stat().st_size > 2 * len(IDENTIFIER), "this is no TF Lite model", path)
        with path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)  # closed with the last array that looks into it
        _require(data[4:8] == IDENTIFIER, "this is no TF Lite model", path)
        model = schema().Model.GetRootAs(data, 0)
        check_claims(model, len(data))
        yield model, len(data)
    except OSError as e:
        raise EmitError(f"the model cannot be read: {e.strerror}", where=str(path)) from e
    except EmitError as e:
        raise e.located(str(path)) from None
    except _DAMAGED as e:
        raise EmitError(f"the model is damaged: {e}", where=str(path)) from e


def _require(holds: bool, what: str, path: Path) -> None:
    if not holds:
        raise EmitError(what, where=str(path))


def _operator_names(model: Any, path: Path) -> list[str]:
    """The operator of each code, each known and in a version that we write."""
    by_number = {v: k for k, v in vars(schema().BuiltinOperator).items() if isinstance(v, int)}
    names: list[str] = []
    for i in range(model.OperatorCodesLength()):
        code = model.OperatorCodes(i)
        name = by_number.get(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()), "?")
        _require(name in OPERATORS, f"operator {name} is not one that kexport writes", path)
        versions = OPERATORS[name].versions
        _require(code.Version() in versions, f"{name} of version {code.Version()}, not in {sorted(versions)}", path)
        names.append(name)
    return names


def _check_subgraph(model: Any, graph: Any, names: list[str], size: int, path: Path) -> None:
    """Every index in range, every tensor written before it is read."""
    count = graph.TensorsLength()
    inputs, outputs = (
        _indices(v, count, "the subgraph", path) for v in (graph.InputsAsNumpy(), graph.OutputsAsNumpy())
    )
    ready = set(inputs) | {i for i in range(count) if _check_constant(model, graph.Tensors(i), size, path)}
    for i in range(graph.OperatorsLength()):
        operator = graph.Operators(i)
        _require(operator.OpcodeIndex() < len(names), f"operator {i} has no code", path)
        name = names[operator.OpcodeIndex()]
        read = _indices(operator.InputsAsNumpy(), count, name, path)
        late = [t for t in read if t != NO_TENSOR and t not in ready]
        _require(not late, f"{name} reads tensor {late[:1]} before it is written", path)
        written = _indices(operator.OutputsAsNumpy(), count, name, path)
        ready.update(written)
        if name in _BODIES:
            _check_bodies(model, operator, name, (len(read), len(written)), path)
    _require(set(outputs) <= ready, "an output is never written", path)


def _check_bodies(model: Any, operator: Any, name: str, ends: tuple[int, int], path: Path) -> None:
    """The subgraphs of a loop or branch are there, and have as many inputs and outputs as it needs."""
    options = getattr(schema(), _BODIES[name][0])()
    options.Init(operator.BuiltinOptions().Bytes, operator.BuiltinOptions().Pos)
    for field, (inputs, outputs) in _BODIES[name][1].items():
        index = getattr(options, field)()
        _require(0 < index < model.SubgraphsLength(), f"{name} names subgraph {index}, which is no body", path)
        body = model.Subgraphs(index)
        found = body.InputsLength(), body.OutputsLength()
        wanted = ends[0] + inputs, ends[1] if outputs is None else outputs
        _require(found == wanted, f"{name} needs a body with {wanted} inputs and outputs, not {found}", path)


def _indices(values: Any, count: int, what: str, path: Path) -> list[int]:
    found = [] if isinstance(values, int) else [int(v) for v in values]
    _require(all(NO_TENSOR <= v < count for v in found), f"{what} names a tensor that is not there", path)
    return found


def _check_constant(model: Any, tensor: Any, size: int, path: Path) -> bool:
    """Whether a tensor is a constant; it must have as many bytes as its type needs, inside of the file."""
    name = (tensor.Name() or b"").decode()
    _require(tensor.Buffer() < model.BuffersLength(), f"tensor {name!r} has no buffer", path)
    buffer = model.Buffers(tensor.Buffer())
    outside = buffer.Offset() > 1
    given = buffer.Size() if outside else buffer.DataLength()
    if not given:
        return False
    dtype = _dtype(tensor, path)
    needed = element_count(_shape(tensor)) * _BITS.get(dtype, dtype.numpy.itemsize * 8) / 8
    _require(given == math.ceil(needed), f"constant {name!r} has {given} bytes, its shape needs {needed:g}", path)
    start = buffer.Offset() if outside else buffer._tab.Vector(buffer._tab.Offset(4))
    _require(start + given <= size, f"constant {name!r} ends beyond the file", path)
    return True


def _check_signature(model: Any, path: Path) -> Any:
    """The one signature, whose tensors are those of its subgraph."""
    found = [model.SignatureDefs(i) for i in range(model.SignatureDefsLength())]
    signature = next((s for s in found if s.SignatureKey() == SIGNATURE.encode()), None)
    _require(signature is not None, f"there is no signature {SIGNATURE!r}", path)
    assert signature is not None
    graph = model.Subgraphs(signature.SubgraphIndex())
    for what, tensors in (("Inputs", graph.InputsAsNumpy()), ("Outputs", graph.OutputsAsNumpy())):
        named = {t for _, t in _in_order(signature, what, tensors)}
        wanted = set() if isinstance(tensors, int) else {int(t) for t in tensors}
        _require(named == wanted, f"the signature does not name the {what.lower()} of the graph", path)
    return signature


def _in_order(signature: Any, what: str, tensors: Any) -> list[tuple[str, int]]:
    """Names and tensors of a signature, in the order of the subgraph."""
    length, get = getattr(signature, what + "Length")(), getattr(signature, what)
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
    _require(buffer.Offset() + buffer.Size() <= path.stat().st_size, "the contract ends beyond the file", path)
    with path.open("rb") as file:
        file.seek(buffer.Offset())
        return file.read(buffer.Size())


def _port(graph: Any, named: tuple[str, int], kept: tuple[Port, ...]) -> Port:
    name, index = named
    tensor = graph.Tensors(index)
    known = next((p.type.shape for p in kept if p.name == name), ())
    signature = tensor.ShapeSignatureAsNumpy()
    dims = _shape(tensor) if isinstance(signature, int) else tuple(int(d) for d in signature)
    shape = tuple(_dim(d, known, axis, f"{name}_{axis}") for axis, d in enumerate(dims))
    return Port(name, TensorType(_dtype(tensor, Path()), shape))


def _dim(dim: int, known: tuple[Dim, ...], axis: int, name: str) -> Dim:
    if dim >= 0:
        return dim
    remembered = known[axis] if axis < len(known) else None
    return remembered if isinstance(remembered, SymDim) else symbol("".join(c if c.isalnum() else "_" for c in name))


def _shape(tensor: Any) -> tuple[int, ...]:
    values = tensor.ShapeAsNumpy()
    return () if isinstance(values, int) else tuple(int(d) for d in values)


def _dtype(tensor: Any, path: Path) -> DType:
    numbers = {getattr(schema().TensorType, name): dtype for dtype, name in TYPES.items()}
    _require(tensor.Type() in numbers, f"element type {tensor.Type()} is not known", path)
    return numbers[tensor.Type()]
