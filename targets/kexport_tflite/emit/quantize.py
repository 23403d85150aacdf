"""Between real numbers and integers on a grid."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Node
from kexport_tflite.context import Context
from kexport_tflite.emit.table import EMIT


@EMIT(ops.Quantize)
def quantize(e: Context, op: ops.Quantize, node: Node) -> None:
    """QUANTIZE, from floats or from integers on another grid."""
    e.emit("QUANTIZE", node, e.tensor(node.inputs[0]))


@EMIT(ops.Dequantize)
def dequantize(e: Context, op: ops.Dequantize, node: Node) -> None:
    """DEQUANTIZE. Constants are dequantized where they are read."""
    e.emit("DEQUANTIZE", node, e.tensor(node.inputs[0]))
