"""Finds the files that hold bytes of a model's tensors, from the model's bytes alone, without onnx.

ONNX Runtime opens whatever a tensor names, wherever the tensor is: in a branch, in an attribute, in a function.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from kexport.errors import EmitError
from kexport.paths import inside
from kexport_onnx.mapped import mapped
from kexport_onnx.wire import Field, fields

_EXTERNAL = "external data"
_INNER: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: _EXTERNAL},
}
"""The messages on the way to tensors, by the number of their field. Source: onnx/onnx.proto."""
_KEY = 1
_VALUE = 2
_LOCATION = b"location"
MAX_DEPTH = 100
"""The depth to which protobuf reads nested messages."""


def external_files(path: Path) -> list[Path]:
    """The files that the tensors of a model name, each once, in their order.

    Raises:
        EmitError: the file is no model, or names a file outside of its folder.
    """
    try:
        with mapped(path) as data:
            names = dict.fromkeys(_locations(data, 0, len(data), "model", 0))
    except EmitError as e:
        raise EmitError(f"this is no ONNX model: {e.what}", where=str(path)) from e
    return [inside(path.parent, name, EmitError) for name in names]


def _locations(data: memoryview, start: int, end: int, kind: str, depth: int) -> Iterator[str]:
    if depth > MAX_DEPTH:
        raise EmitError("its messages are nested too deep")
    inner = _INNER[kind]
    for field in fields(data, start, end):
        found = inner.get(field.number)
        if found == _EXTERNAL:
            yield from _location(data, field)
        elif found and field.value is None:
            yield from _locations(data, field.start, field.end, found, depth + 1)


def _location(data: memoryview, pair: Field) -> Iterator[str]:
    parts = {f.number: bytes(data[f.start : f.end]) for f in fields(data, pair.start, pair.end)}
    if parts.get(_KEY) == _LOCATION:
        yield parts.get(_VALUE, b"").decode("utf-8", "replace")
