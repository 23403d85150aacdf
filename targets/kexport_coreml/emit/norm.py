"""Normalization."""

from __future__ import annotations

import numpy as np

from kexport import ops
from kexport.ir.graph import Node
from kexport_coreml.context import Context
from kexport_coreml.emit.table import EMIT
from kexport_coreml.refs import Ref


@EMIT.emits(ops.BatchNorm)
def batch_norm(e: Context, op: ops.BatchNorm, node: Node) -> Ref:
    """Channels first; elsewhere legalize has made it a product and a sum, which need no transposes."""
    x, gamma, beta, mean, variance = e.refs(node)
    return e.op("batch_norm", x=x, mean=mean, variance=variance, gamma=gamma, beta=beta, epsilon=op.epsilon)


@EMIT.emits(ops.LayerNorm)
def layer_norm(e: Context, op: ops.LayerNorm, node: Node) -> Ref:
    """Over the last axes with constant parameters; legalize expands others."""
    x, gamma, beta = e.refs(node)
    axes = sorted(a % x.rank for a in op.axes)
    return e.op("layer_norm", x=x, axes=axes, gamma=gamma, beta=beta, epsilon=op.epsilon)


@EMIT.emits(ops.GroupNorm)
def group_norm(e: Context, op: ops.GroupNorm, node: Node) -> Ref:
    """Channels first: each group is a channel of an instance normalization."""
    x, gamma, beta = node.inputs
    batch, channels, *spatial = x.type.shape
    size = channels // op.groups
    for d in spatial:
        size = size * d
    grouped = e.reshape(e.ref(x), (batch, op.groups, size))
    one, zero = (e.const(np.full(op.groups, v), grouped.dtype) for v in (1, 0))
    normal = e.op("instance_norm", x=grouped, gamma=one, beta=zero, epsilon=op.epsilon)
    whole = e.reshape(normal, x.type.shape)
    factor, offset = (e.parameter(v, (0,), (channels, *(1,) * len(spatial))) for v in (gamma, beta))
    return e.elementwise("add", e.elementwise("mul", whole, factor), offset)
