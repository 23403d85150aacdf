"""Checks the structure of an artifact without running it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from kexport.ir.types import DType, element_count
from kexport_tflite.model import NO_TENSOR
from kexport_tflite.operators import OPERATORS
from kexport_tflite.reader import check_signature, dtype_of, opened, require, shape_of
from kexport_tflite.writer import SCHEMA_VERSION, schema

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
    with opened(path) as (model, size):
        require(model.Version() == SCHEMA_VERSION, f"schema version {model.Version()}, known is {SCHEMA_VERSION}", path)
        names = _operator_names(model, path)
        for i in range(model.SubgraphsLength()):
            _check_subgraph(model, model.Subgraphs(i), names, size, path)
        check_signature(model, path)


def _operator_names(model: Any, path: Path) -> list[str]:
    """The operator of each code, each known and in a version that we write."""
    by_number = {v: k for k, v in vars(schema().BuiltinOperator).items() if isinstance(v, int)}
    names: list[str] = []
    for i in range(model.OperatorCodesLength()):
        code = model.OperatorCodes(i)
        name = by_number.get(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()), "?")
        require(name in OPERATORS, f"operator {name} is not one that kexport writes", path)
        versions = OPERATORS[name].versions
        require(code.Version() in versions, f"{name} of version {code.Version()}, not in {sorted(versions)}", path)
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
        require(operator.OpcodeIndex() < len(names), f"operator {i} has no code", path)
        name = names[operator.OpcodeIndex()]
        read = _indices(operator.InputsAsNumpy(), count, name, path)
        late = [t for t in read if t != NO_TENSOR and t not in ready]
        require(not late, f"{name} reads tensor {late[:1]} before it is written", path)
        written = _indices(operator.OutputsAsNumpy(), count, name, path)
        ready.update(written)
        if name in _BODIES:
            _check_bodies(model, operator, name, (len(read), len(written)), path)
    require(set(outputs) <= ready, "an output is never written", path)


def _check_bodies(model: Any, operator: Any, name: str, ends: tuple[int, int], path: Path) -> None:
    """The subgraphs of a loop or branch are there, and have as many inputs and outputs as it needs."""
    options = getattr(schema(), _BODIES[name][0])()
    options.Init(operator.BuiltinOptions().Bytes, operator.BuiltinOptions().Pos)
    for field, (inputs, outputs) in _BODIES[name][1].items():
        index = getattr(options, field)()
        require(0 < index < model.SubgraphsLength(), f"{name} names subgraph {index}, which is no body", path)
        body = model.Subgraphs(index)
        found = body.InputsLength(), body.OutputsLength()
        wanted = ends[0] + inputs, ends[1] if outputs is None else outputs
        require(found == wanted, f"{name} needs a body with {wanted} inputs and outputs, not {found}", path)


def _indices(values: Any, count: int, what: str, path: Path) -> list[int]:
    found = [] if isinstance(values, int) else [int(v) for v in values]
    require(all(NO_TENSOR <= v < count for v in found), f"{what} names a tensor that is not there", path)
    return found


def _check_constant(model: Any, tensor: Any, size: int, path: Path) -> bool:
    """Whether a tensor is a constant; it must have as many bytes as its type needs, inside of the file."""
    name = (tensor.Name() or b"").decode()
    require(tensor.Buffer() < model.BuffersLength(), f"tensor {name!r} has no buffer", path)
    buffer = model.Buffers(tensor.Buffer())
    outside = buffer.Offset() > 1
    given = buffer.Size() if outside else buffer.DataLength()
    if not given:
        return False
    dtype = dtype_of(tensor, path)
    needed = element_count(shape_of(tensor)) * _BITS.get(dtype, dtype.numpy.itemsize * 8) / 8
    require(given == math.ceil(needed), f"constant {name!r} has {given} bytes, its shape needs {needed:g}", path)
    start = buffer.Offset() if outside else buffer._tab.Vector(buffer._tab.Offset(4))
    require(start + given <= size, f"constant {name!r} ends beyond the file", path)
    return True
