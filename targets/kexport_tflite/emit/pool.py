"""Pooling over two spatial axes."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Node
from kexport.ops.pool import Pool
from kexport_tflite.context import Context
from kexport_tflite.emit.conv import window_options
from kexport_tflite.emit.table import EMIT

POOLS = {ops.MaxPool: "MAX_POOL_2D", ops.AvgPool: "AVERAGE_POOL_2D"}


@EMIT(*POOLS)
def pool(e: Context, op: Pool, node: Node) -> None:
    """The operator leaves padding out of maximum and mean, as we do."""
    options = window_options(op.padding, stride=op.strides)
    options |= {"filter_height": op.window[0], "filter_width": op.window[1]}
    e.emit(POOLS[type(op)], node, **options)
