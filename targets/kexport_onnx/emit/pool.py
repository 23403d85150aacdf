"""Pooling, channels first."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Node
from kexport.ops.pool import Pool
from kexport.ops.window import explicit_pads
from kexport_onnx.context import Context
from kexport_onnx.emit.conv import pad_attributes
from kexport_onnx.emit.table import EMIT
from kexport_onnx.refs import Ref

_KINDS = {ops.MaxPool: "MaxPool", ops.AvgPool: "AveragePool"}


@EMIT.emits(*_KINDS)
def pool(e: Context, op: Pool, node: Node) -> Ref:
    pairs = explicit_pads(node.inputs[0].type.shape[2:], op.window, op.strides, (1,) * len(op.window), op.padding)
    pads = pad_attributes(pairs, op.padding == "same")
    return e.op(_KINDS[type(op)], e.ref(node.inputs[0]), kernel_shape=list(op.window), strides=list(op.strides), **pads)
