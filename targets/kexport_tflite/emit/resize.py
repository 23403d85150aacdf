"""Resizing of images."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Node
from kexport_tflite.context import Context
from kexport_tflite.emit.table import EMIT

METHODS = {"nearest": "RESIZE_NEAREST_NEIGHBOR", "bilinear": "RESIZE_BILINEAR"}


@EMIT(ops.Resize)
def resize(e: Context, op: ops.Resize, node: Node) -> None:
    """Half-pixel centres; legalize makes matrix products of the other methods."""
    size = e.dims(op.size)
    e.emit(METHODS[op.method], node, e.tensor(node.inputs[0]), size, half_pixel_centers=True)
