"""Normalization."""

from __future__ import annotations

from typing import Any

import numpy as np

from kexport import ops
from kexport.ir.graph import Node
from kexport.ir.types import DType
from kexport_onnx.context import Context
from kexport_onnx.emit.table import EMIT
from kexport_onnx.refs import Ref
from kexport_onnx.versions import NEWER_KINDS


@EMIT.emits(ops.BatchNorm)
def batch_norm(e: Context, op: ops.BatchNorm, node: Node) -> Ref:
    """Channels first; elsewhere legalize has made it a product and a sum, which need no transposes."""
    return e.op("BatchNormalization", *e.refs(node), epsilon=op.epsilon)


@EMIT.emits(ops.LayerNorm)
def layer_norm(e: Context, op: ops.LayerNorm, node: Node) -> Ref:
    """Over the last axes; legalize expands others."""
    return e.op("LayerNormalization", *e.refs(node), axis=-len(op.axes), epsilon=op.epsilon)


@EMIT.emits(ops.RmsNorm)
def rms_norm(e: Context, op: ops.RmsNorm, node: Node) -> Ref:
    """Over the last axes. Before opset 23 in the nodes that ONNX Runtime fuses; squares are those of float32."""
    x, gamma = e.refs(node)
    if e.opset >= NEWER_KINDS["RMSNormalization"]:
        return e.op("RMSNormalization", x, gamma, axis=-len(op.axes), epsilon=op.epsilon)
    wide = e.cast(x, DType.F32)
    squares = e.op("Pow", wide, e.const(2, DType.F32))
    mean = e.op("ReduceMean", squares, e.ints(range(-len(op.axes), 0)), keepdims=1)
    root = e.op("Sqrt", e.op("Add", mean, e.const(op.epsilon, DType.F32)))
    return e.op("Mul", e.cast(e.op("Div", wide, root), x.dtype), gamma)


@EMIT.emits(ops.GroupNorm)
def group_norm(e: Context, op: ops.GroupNorm, node: Node) -> Ref:
    """Channels first: each group is a channel of an instance normalization. ONNX Runtime has no kernel for groups."""
    x, gamma, beta = node.inputs
    channels = x.type.shape[1]
    spatial = x.type.rank - 2
    if op.groups == channels and spatial:
        return e.op("InstanceNormalization", *e.refs(node), epsilon=op.epsilon)
    dtype = x.type.dtype
    ones = e.const(np.ones(op.groups), dtype)
    zeros = e.const(np.zeros(op.groups), dtype)
    grouped = e.op("Reshape", e.ref(x), e.ints([0, op.groups, -1]))
    normal = e.op("InstanceNormalization", grouped, ones, zeros, epsilon=op.epsilon)
    whole = e.op("Reshape", normal, e.dims(x.type.shape))
    aligned: Any = (channels, *(1,) * spatial)
    factor, offset = (e.parameter(v, (0,), aligned) for v in (gamma, beta))
    return e.op("Add", e.op("Mul", whole, factor), offset)
