"""Resizing of images."""

from __future__ import annotations

from typing import Any

from kexport import ops
from kexport.ir.graph import Node
from kexport.ir.types import DType
from kexport.ops.resample import resize_weights
from kexport_shared.graphdef.context import Context
from kexport_shared.graphdef.nodes import Ref
from kexport_shared.graphdef.table import COMMON

_KINDS = {"nearest": "ResizeNearestNeighbor", "bilinear": "ResizeBilinear"}


@COMMON.emits(ops.Resize)
def resize(e: Context, op: ops.Resize, node: Node) -> Ref:
    (x,) = e.refs(node)
    shape = node.inputs[0].type.shape
    if shape[1:3] == op.size:
        return x
    if op.method == "nearest" or (op.method == "bilinear" and not op.antialias):
        made = DType.F32 if op.method == "bilinear" else None
        y = e.op(_KINDS[op.method], x, e.dims(op.size), dtype=made, align_corners=False, half_pixel_centers=True)
        return e.cast(y, x.dtype)
    return _mix(e, x, op, shape)


def _mix(e: Context, x: Ref, op: ops.Resize, shape: Any) -> Ref:
    """Two matrix products with the weights of each new row and column."""
    batch, height, width, channels = shape
    size: Any = op.size
    rows, columns = (resize_weights(a, b, op.method, op.antialias) for a, b in zip(shape[1:3], size, strict=True))
    tall = e.reshape(x, (batch, height, width * channels))
    y = e.op("BatchMatMulV2", e.const(rows, x.dtype, "rows"), tall, adj_x=False, adj_y=False)
    wide = e.reshape(y, (batch, op.size[0], width, channels))
    return e.op("BatchMatMulV2", e.const(columns, x.dtype, "columns"), wide, adj_x=False, adj_y=False)
