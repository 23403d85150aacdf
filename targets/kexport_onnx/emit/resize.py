"""Resizing of images, channels first."""

from __future__ import annotations

from typing import Any

from kexport import ops
from kexport.ir.dim import SymDim
from kexport.ir.graph import Node
from kexport.ir.types import DType
from kexport.ops.resample import factor, nearest_indices, resize_weights
from kexport_onnx.context import Context
from kexport_onnx.emit.table import EMIT
from kexport_onnx.refs import Ref

_METHODS: dict[str, dict[str, Any]] = {
    "nearest": {"mode": "nearest", "nearest_mode": "round_prefer_ceil"},
    "bilinear": {"mode": "linear"},
    "bicubic": {"mode": "cubic", "cubic_coeff_a": -0.5, "exclude_outside": 1},
}
_ANTIALIAS: dict[str, Any] = {"antialias": 1, "exclude_outside": 1}


@EMIT.emits(ops.Resize)
def resize(e: Context, op: ops.Resize, node: Node) -> Ref:
    old = node.inputs[0].type.shape[2:]
    new = op.size
    (x,) = e.refs(node)
    if old == new:
        return x
    factors = [factor(a, b) for a, b in zip(old, new, strict=True)]
    if op.method not in _METHODS:
        return _mix(e, x, op, old, new)
    attributes = _METHODS[op.method] | (_ANTIALIAS if op.antialias and op.method != "nearest" else {})
    if None not in factors:
        return e.op("Resize", x, None, e.const([1, 1, *factors], DType.F32), **attributes)
    if not any(isinstance(d, SymDim) for d in (*old, *new)):
        if op.method == "nearest":
            return _pick(e, x, old, new)
        if op.method == "bicubic" and not op.antialias:
            return _mix(e, x, op, old, new)
    return e.op("Resize", x, None, None, e.dims([*node.inputs[0].type.shape[:2], *new]), **attributes)


def _pick(e: Context, x: Ref, old: Any, new: Any) -> Ref:
    """Rows and columns by exact positions; ONNX Runtime rounds them in float32."""
    for axis, (size, out) in enumerate(zip(old, new, strict=True), 2):
        x = e.op("Gather", x, e.const(nearest_indices(size, out), DType.I64), axis=axis)
    return x


def _mix(e: Context, x: Ref, op: ops.Resize, old: Any, new: Any) -> Ref:
    """Two matrix products. ONNX Runtime may move a transpose through Resize and then refuse to shrink by cubics."""
    rows, columns = (resize_weights(a, b, op.method, op.antialias) for a, b in zip(old, new, strict=True))
    return e.op("MatMul", e.const(rows, x.dtype), e.op("MatMul", x, e.const(columns.T, x.dtype)))
