"""Checks artifacts without loading their weights: ONNX's own checker, and the bytes of every tensor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kexport.errors import EmitError
from kexport.ir.types import DType, element_count
from kexport.paths import inside
from kexport_onnx.dtypes import CODES, DTYPES, raw_size
from kexport_onnx.origin import check_origin
from kexport_onnx.reader import load_skeleton
from kexport_onnx.versions import IR_VERSIONS

_DIGITS = 20
"""More than the number of any byte has."""


def validate(path: Path) -> None:
    """Run ONNX's checker with full shape inference, and check that every tensor has all its bytes.

    The checker gets the model with its large initializers declared as inputs, so that memory stays small.

    Raises:
        EmitError: the file is no valid model, which says what the checker found; or the onnx that is here is too old
            for it.
    """
    from onnx import checker

    check_origin(path)
    model, tensors = load_skeleton(path)
    _check_version(path, model)
    for tensor, size in tensors:
        _check_bytes(path, tensor, size)
    for tensor, size in tensors:
        if size or tensor.external_data:
            _declare(model.graph, tensor)
        else:
            model.graph.initializer.append(tensor)
    try:
        checker.check_model(model, full_check=True)
    except (checker.ValidationError, ValueError, RuntimeError) as e:
        raise EmitError(f"the ONNX checker refuses the model: {e}", where=str(path)) from e
    except Exception as e:
        if type(e).__name__ != "InferenceError":
            raise
        raise EmitError(f"shape inference refuses the model: {e}", where=str(path)) from e


def _check_version(path: Path, model: Any) -> None:
    import onnx

    known = onnx.IR_VERSION
    if known < model.ir_version <= max(IR_VERSIONS.values()):
        opset = onnx.defs.onnx_opset_version()
        raise EmitError(
            f"onnx {onnx.__version__} checks files up to version {known}, this one is of version {model.ir_version}",
            where=str(path),
            hint=f"pip install -U onnx, or ask for an opset that it knows: -O onnx.opset={opset}",
        )


def _check_bytes(path: Path, tensor: Any, size: int) -> None:
    """Require as many bytes as the shape needs, here or in the file beside the model."""
    if tensor.data_type not in DTYPES:
        raise EmitError(f"initializer {tensor.name!r} has unknown element type {tensor.data_type}", where=str(path))
    needed = raw_size(DTYPES[tensor.data_type], element_count(tensor.dims))
    where = {e.key: e.value for e in tensor.external_data}
    if where:
        beside = inside(path.parent, where.get("location"), EmitError)
        found = _number(where.get("length"))
        start = _number(where.get("offset"))
        if min(found, start) < 0 or not beside.is_file() or beside.stat().st_size < start + found:
            raise EmitError(f"{where['location']} does not hold the bytes of {tensor.name!r}", where=str(path))
    elif tensor.data_type == CODES[DType.STRING]:
        found = len(tensor.string_data)
        needed = element_count(tensor.dims)
    else:
        found = size or len(tensor.raw_data)
    if found != needed:
        what = "texts" if tensor.data_type == CODES[DType.STRING] else "bytes"
        raise EmitError(f"initializer {tensor.name!r} has {found} {what}, its shape needs {needed}", where=str(path))


def _number(text: str | None) -> int:
    """A number of bytes; -1 if it is none."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < _DIGITS else -1


def _declare(graph: Any, tensor: Any) -> None:
    info = graph.input.add(name=tensor.name)
    info.type.tensor_type.elem_type = tensor.data_type
    info.type.tensor_type.shape.SetInParent()
    for d in tensor.dims:
        info.type.tensor_type.shape.dim.add(dim_value=d)
