"""Checks operations: parameters, element types, constants, shapes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from kexport.ir.types import DType
from kexport_coreml.dtypes import NAMES
from kexport_coreml.lint_shapes import RESULT_DTYPES, check_shapes
from kexport_coreml.lint_weights import WeightFile
from kexport_coreml.signatures import Signature, find_signature
from kexport_coreml.values import Type, immediate, type_of

MAX_RANK = 5
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_@]*")


class Scope:
    """The values defined so far: types, constants, and the elements of small ones."""

    def __init__(self, ios: int, weights: WeightFile):
        self.ios = ios
        self.weights = weights
        self.types: dict[str, Type | None] = {}
        self.constants: set[str] = set()
        self.elements: dict[str, Any] = {}

    def inner(self) -> Scope:
        """Return the scope of a block: it sees everything before it, and its own definitions stay inside."""
        scope = Scope(self.ios, self.weights)
        scope.types = dict(self.types)
        scope.constants = set(self.constants)
        scope.elements = dict(self.elements)
        return scope

    def define(self, value: Any, constant: bool) -> Iterator[str]:
        """Take in a named value."""
        name = value.name
        type = type_of(value.type)
        if not _NAME.fullmatch(name):
            yield f"{name!r} is no name for a value"
        if name in self.types:
            yield f"two values are called {name!r}"
        if type is not None and not constant and (len(type.shape) > MAX_RANK or 0 in type.shape):
            yield f"{name!r} of type {type} has more than {MAX_RANK} axes or no elements"
        self.types[name] = type
        if constant:
            self.constants.add(name)


def check_operation(scope: Scope, operation: Any) -> Iterator[str]:
    """Return what is wrong with an operation, and define its results."""
    kind = operation.type
    where = operation.outputs[0].name if operation.outputs else kind
    if kind == "const":
        yield from _check_constant(scope, operation)
        return
    signature = find_signature(kind, scope.ios)
    if signature is not None and kind.startswith("constexpr_") and not operation.inputs:
        yield from (f"{where}: {kind}: {p}" for p in _check_attributes(scope, operation, signature))
        for value in operation.outputs:
            yield from scope.define(value, constant=True)
        return
    if signature is None:
        yield f"{where}: there is no operation {kind!r} for iOS {scope.ios}"
    else:
        yield from (f"{where}: {kind}: {p}" for p in _check_inputs(scope, operation, signature))
        yield from (f"{where}: {kind}: {p}" for p in _check_results(scope, operation))
        yield from check_blocks(scope, operation, where)
    for value in operation.outputs:
        yield from scope.define(value, constant=False)


def check_blocks(scope: Scope, operation: Any, where: str) -> Iterator[str]:
    """What is wrong in the blocks of an operation, and in how they fit it."""
    count = 2 if operation.type in ("cond", "while_loop") else 0
    if len(operation.blocks) != count:
        yield f"{where}: {operation.type} has {len(operation.blocks)} blocks, not {count}"
        return
    given = [scope.types.get(a.name) for a in operation.inputs["loop_vars"].arguments] if count else []
    declared = [type_of(v.type) for v in operation.outputs]
    for i, block in enumerate(operation.blocks):
        inner = scope.inner()
        for value in block.inputs:
            yield from inner.define(value, constant=False)
        for step in block.operations:
            yield from check_operation(inner, step)
        taken = [type_of(v.type) for v in block.inputs]
        if taken != given:
            yield f"{where}: block {i} takes {_words(taken)}, it is given {_words(given)}"
        wanted = [Type(DType.BOOL, ())] if operation.type == "while_loop" and i == 0 else declared
        lost = [name for name in block.outputs if name not in inner.types]
        if lost:
            yield f"{where}: block {i} returns {lost[0]!r}, which nothing makes"
        elif (made := [inner.types[name] for name in block.outputs]) != wanted:
            yield f"{where}: block {i} makes {_words(made)}, not {_words(wanted)}"


def _words(types: Sequence[Type | None]) -> str:
    return "(" + ", ".join(map(str, types)) + ")"


def _check_constant(scope: Scope, operation: Any) -> Iterator[str]:
    output = operation.outputs[0]
    value = operation.attributes["val"]
    type = type_of(value.type)
    declared = type_of(output.type)
    if type != declared or type is None or type.dtype is None:
        yield f"constant {output.name!r} is declared as {declared} and holds {type}"
    else:
        yield from (f"constant {output.name!r}: {p}" for p in _check_value(scope, output.name, value, type))
    yield from scope.define(output, constant=True)


def _check_value(scope: Scope, name: str, value: Any, type: Type) -> Iterator[str]:
    assert type.dtype is not None
    if value.WhichOneof("value") == "blobFileValue":
        size = (type.numel or 0) * type.dtype.numpy.itemsize
        yield from scope.weights.check(value.blobFileValue.offset, type.dtype, size)
        return
    elements = immediate(value, type)
    if elements is None:
        yield f"it holds no elements of type {type}"
    elif not isinstance(elements, str) and elements.size != type.numel:
        yield f"it holds {elements.size} elements, its type {type} has {type.numel}"
    else:
        scope.elements[name] = elements


def _check_attributes(scope: Scope, operation: Any, signature: Signature) -> Iterator[str]:
    """Compressed constants have their parameters as attributes."""
    missing = [p for p in signature.required() if p not in operation.attributes]
    if missing:
        yield f"required parameters are missing: {', '.join(missing)}"
    for name, value in operation.attributes.items():
        parameter = signature.inputs.get(name)
        type = type_of(value.type)
        if parameter is None or type is None or type.dtype is None:
            continue
        if parameter.dtypes and NAMES.get(type.dtype) not in parameter.dtypes:
            yield f"{name} is {type}, not one of {', '.join(parameter.dtypes)}"
        yield from _check_value(scope, f"{operation.outputs[0].name}.{name}", value, type)


def _check_inputs(scope: Scope, operation: Any, signature: Signature) -> Iterator[str]:
    given = {p: [a.name for a in v.arguments if a.WhichOneof("binding") == "name"] for p, v in operation.inputs.items()}
    missing = [p for p in signature.required() if p not in given]
    if missing:
        yield f"required parameters are missing: {', '.join(missing)}"
    domains: dict[str, set[Any]] = {}
    for name, values in given.items():
        parameter = signature.inputs.get(name)
        if parameter is None:
            yield f"there is no parameter {name!r}"
            continue
        for value in values:
            if value not in scope.types:
                yield f"{name} is {value!r}, which nothing makes before"
                continue
            type = scope.types[value]
            if parameter.const and value not in scope.constants:
                yield f"{name} must be a constant"
            if type is None or type.dtype is None:
                continue
            if parameter.dtypes and NAMES.get(type.dtype) not in parameter.dtypes:
                yield f"{name} is {type}, not one of {', '.join(parameter.dtypes)}"
            if parameter.domain:
                domains.setdefault(parameter.domain, set()).add(type.dtype)
    for domain, dtypes in domains.items():
        if len(dtypes) > 1:
            names = [p.name for p in signature.inputs.values() if p.domain == domain and p.name in given]
            yield f"{', '.join(names)} must have one element type"


def _check_results(scope: Scope, operation: Any) -> Iterator[str]:
    inputs: dict[str, list[Type | None]] = {}
    elements: dict[str, Any] = {}
    for name, argument in operation.inputs.items():
        bound = [a.name for a in argument.arguments if a.WhichOneof("binding") == "name"]
        inputs[name] = [scope.types.get(b) for b in bound]
        if len(bound) == 1 and bound[0] in scope.elements:
            elements[name] = scope.elements[bound[0]]
    results = [type_of(v.type) for v in operation.outputs]
    if any(r is None for r in results):
        return
    wanted = RESULT_DTYPES.get(operation.type)
    first = next((ts[0] for p in ("x", "values", "data", "a") if (ts := inputs.get(p))), None)
    for i, result in enumerate(results):
        dtype = wanted(i, first, elements) if wanted else first and first.dtype
        if result and dtype is not None and result.dtype is not dtype:
            yield f"result {i} is declared as {result}, the operation makes {dtype}"
    yield from check_shapes(operation.type, inputs, elements, [r for r in results if r is not None])
