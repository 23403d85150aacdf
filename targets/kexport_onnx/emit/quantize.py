"""Between real numbers and integers on a grid."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Node
from kexport.rewrite.grids import dequantized
from kexport_onnx.context import Context
from kexport_onnx.emit.table import EMIT
from kexport_onnx.refs import Ref


@EMIT.emits(ops.Quantize)
def quantize(e: Context, op: ops.Quantize, node: Node) -> Ref:
    return e.op("QuantizeLinear", *e.refs(node), dtype=op.dtype, axis=op.axis)


@EMIT(ops.Dequantize)
def dequantize(e: Context, op: ops.Dequantize, node: Node) -> None:
    """Constants are dequantized where they are read, since kernels have their axes in another order there."""
    if dequantized(node.output) is None:
        e.bind(node, e.dequantized(*e.refs(node), axis=op.axis))
