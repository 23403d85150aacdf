"""Resizing of images."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Node
from kexport_tflite.context import Context
from kexport_tflite.emit.table import EMIT

METHODS = {"nearest": "RESIZE_NEAREST_NEIGHBOR", "bilinear": "RESIZE_BILINEAR"}


@EMIT(ops.Resize)
def resize(context: Context, node: Node) -> None:
    """Half-pixel centres; legalize makes matrix products of the other methods."""
    assert isinstance(node.op, ops.Resize)
    size = context.dims(node.op.size)
    context.emit(METHODS[node.op.method], node, context.tensor(node.inputs[0]), size, half_pixel_centers=True)
