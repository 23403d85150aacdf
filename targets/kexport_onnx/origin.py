"""Checks what a model brings along: only operators of known domains, and bytes in files beside it.

Told from the bytes alone, before an engine gets them: needs no onnx.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from kexport.errors import EmitError
from kexport_onnx.emission import ML
from kexport_onnx.external import external_files
from kexport_onnx.mapped import mapped
from kexport_onnx.wire import fields

DOMAINS = frozenset(("", "ai.onnx", ML))
"""The domains of ONNX's own operators. Engines have further ones, and some of those run code that a model names."""
_MODEL_OPSET = 8
_FUNCTION = 25
_FUNCTION_OPSET = 9
_DOMAIN = 1
"""Fields of a model, of a function in it, and of the import of a set of operators. Source: onnx/onnx.proto."""


def check_origin(path: Path) -> None:
    """Require that a model has operators of ONNX alone, and bytes in no file outside of its folder.

    Raises:
        EmitError: it has others, or is no model.
    """
    external_files(path)
    try:
        with mapped(path) as data:
            strange = sorted(set(_domains(data)) - DOMAINS)
    except EmitError as e:
        raise EmitError(f"this is no ONNX model: {e.what}", where=str(path)) from e
    if strange:
        what = f"it has operators of {strange[0][:80]!r}, which kexport does not write; it is not run"
        raise EmitError(what, where=str(path))


def _domains(data: memoryview) -> Iterator[str]:
    """The domains that the model and its functions import operators from; an engine has no others for them."""
    for field in fields(data):
        if field.number == _MODEL_OPSET:
            yield _domain(data, field.start, field.end)
        elif field.number == _FUNCTION and field.value is None:
            for inner in fields(data, field.start, field.end):
                if inner.number == _FUNCTION_OPSET:
                    yield _domain(data, inner.start, inner.end)


def _domain(data: memoryview, start: int, end: int) -> str:
    found = [f for f in fields(data, start, end) if f.number == _DOMAIN]
    return bytes(data[found[-1].start : found[-1].end]).decode("utf-8", "replace") if found else ""
