"""Checks that the graph of a SavedModel and its functions are whole. Needs no TensorFlow."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from kexport.errors import EmitError
from kexport.ir.types import DType, element_count
from kexport_savedmodel.anatomy import check_folder, check_parts
from kexport_savedmodel.reader import last, meta_graph, model, read_contract, run_on_load, signature, sizes
from kexport_shared.graphdef.dtypes import BY_CODE
from kexport_shared.graphdef.wire import Field, fields

_NODE = 1
_LIBRARY = 2
"""Fields of a GraphDef."""
_SIGNATURE = 1
_FUNCTION_NODE = 3
_RESULT = 4
"""Fields of a FunctionDef."""


def validate(path: Path) -> None:
    """Check that the model is made as we make it, that names are unique, and that operands, functions, results and the
    bytes of constants are there.

    Raises:
        EmitError: names what is wrong.
    """
    check_origin(path)
    try:
        problems = list(_problems(meta_graph(path)))
    except (KeyError, StopIteration, UnicodeDecodeError) as e:
        raise EmitError(f"the graph is damaged: {type(e).__name__}: {e}", where=str(path)) from e
    except EmitError as e:
        raise e.located(str(path)) from None
    if problems:
        raise EmitError("; ".join(problems), where=str(path))
    read_contract(path)


def check_origin(path: Path) -> None:
    """Require that a SavedModel has only the files, parts and operations that we write. TensorFlow gets no other.

    Raises:
        EmitError: it has others.
    """
    try:
        check_folder(path)
        check_parts(model(path))
    except EmitError as e:
        raise e.located(str(path)) from None


def _problems(meta: memoryview) -> Iterator[str]:
    graph = list(fields(last(meta, 2)))
    functions = [f.data for library in graph if library.number == _LIBRARY for f in fields(library.data)]
    callable_ = {_text(last(f, _SIGNATURE), 1) for f in functions}
    names: set[str] = set()
    yield from _node_problems([f.data for f in graph if f.number == _NODE], names, callable_)
    for function in functions:
        yield from _function_problems(function, callable_)
    inputs, outputs = signature(meta)
    tensors = [i.tensor.split(":")[0] for i in (*inputs.values(), *outputs.values())]
    yield from (f"the signature names {t}, which does not exist" for t in tensors if t not in names)
    yield from (f"{n}, to be run on loading, does not exist" for n in run_on_load(meta) if n not in names)


def _function_problems(function: memoryview, callable_: Collection[str]) -> Iterator[str]:
    parts = list(fields(function))
    declared = last(function, _SIGNATURE)
    names = {_text(f.data, 1) for f in fields(declared) if f.number == 2}
    yield from _node_problems([f.data for f in parts if f.number == _FUNCTION_NODE], names, callable_)
    for result in (_text(f.data, 2) for f in parts if f.number == _RESULT):
        if result.split(":")[0] not in names:
            yield f"{_text(declared, 1)} returns {result}, which does not exist"


def _node_problems(nodes: Sequence[memoryview], names: set[str], callable_: Collection[str]) -> Iterator[str]:
    """What is wrong with nodes in their order; `names` begins with the arguments, and gets theirs."""
    for data in nodes:
        parts = list(fields(data))
        name = next(f.text for f in parts if f.number == 1)
        lost = [f.text for f in parts if f.number == 3 and f.text.removeprefix("^").split(":")[0] not in names]
        yield from (f"{name} reads {operand}, which is not made before it" for operand in lost)
        if name in names:
            yield f"two nodes are called {name}"
        for attribute in (f.data for f in parts if f.number == 5):
            yield from _value_problems(name, next(fields(last(attribute, 2))), callable_)
        names.add(name)


def _value_problems(name: str, value: Field, callable_: Collection[str]) -> Iterator[str]:
    """Attributes that are constants hold their bytes; those that are functions exist."""
    if value.number == 8:
        parts = {f.number: f for f in fields(value.data)}
        dtype = BY_CODE[parts[1].value]
        wanted = element_count(sizes(parts[2].data))
        if dtype is DType.STRING:
            found = sum(f.number == 8 for f in fields(value.data))
            what = "texts"
        else:
            found = len(parts[4].data)
            wanted = wanted * dtype.numpy.itemsize
            what = "bytes"
        if found != wanted:
            yield f"{name} has {found} {what}, its shape needs {wanted}"
    if value.number == 10 and _text(value.data, 1) not in callable_:
        yield f"{name} calls {_text(value.data, 1)}, which does not exist"


def _text(message: memoryview, number: int) -> str:
    return bytes(last(message, number)).decode()
