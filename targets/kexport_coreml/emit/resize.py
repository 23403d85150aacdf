"""Resizing of images, channels first."""

from __future__ import annotations

from typing import Any

from kexport import ops
from kexport.ir.dim import SymDim
from kexport.ir.graph import Node
from kexport.ir.types import DType
from kexport.ops.resample import factor, nearest_indices, resize_weights
from kexport_coreml.context import Context
from kexport_coreml.emit.table import EMIT
from kexport_coreml.refs import Ref


@EMIT.emits(ops.Resize)
def resize(e: Context, op: ops.Resize, node: Node) -> Ref:
    (x,) = e.refs(node)
    old = x.shape[2:]
    new = op.size
    shape = node.output.type.shape
    if old == new:
        return x
    factors = [factor(a, b) for a, b in zip(old, new, strict=True)]
    grows = None not in factors
    if op.method == "nearest" and grows and x.dtype.is_float:
        return e.op("upsample_nearest_neighbor", shape=shape, x=x, **_scales(factors))
    plain = op.method == "bilinear" and not op.antialias
    if plain and not any(isinstance(d, SymDim) for d in new):
        return e.op(
            "resize_bilinear",
            shape=shape,
            x=x,
            target_size_height=new[0],
            target_size_width=new[1],
            sampling_mode="UNALIGN_CORNERS",
        )
    if op.method == "bilinear" and grows and e.ios >= 16 and any(isinstance(d, SymDim) for d in old):
        more: Any = _scales(factors)
        return e.op("upsample_bilinear", shape=shape, x=x, align_corners=False, half_pixel_centers=True, **more)
    if op.method == "nearest":
        return _pick(e, x, old, new)
    return _mix(e, x, op, old, new)


def _scales(factors: list[int | None]) -> dict[str, Any]:
    return {"scale_factor_height": factors[0], "scale_factor_width": factors[1]}


def _pick(e: Context, x: Ref, old: Any, new: Any) -> Ref:
    """Rows and columns by exact positions."""
    for axis, (size, out) in enumerate(zip(old, new, strict=True), 2):
        indices = e.const(nearest_indices(size, out), DType.I32)
        more: dict[str, Any] = {"batch_dims": 0} if e.ios >= 16 else {}
        shape = (*x.shape[:axis], out, *x.shape[axis + 1 :])
        x = e.op("gather", shape=shape, x=x, indices=indices, axis=axis, **more)
    return x


def _mix(e: Context, x: Ref, op: ops.Resize, old: Any, new: Any) -> Ref:
    """Two matrix products."""
    rows, columns = (resize_weights(a, b, op.method, op.antialias) for a, b in zip(old, new, strict=True))
    wide = e.op("matmul", shape=(*x.shape[:3], new[1]), x=x, y=e.const(columns.T, x.dtype))
    return e.op("matmul", shape=(*x.shape[:2], *new), dtype=x.dtype, x=e.const(rows, x.dtype), y=wide)
