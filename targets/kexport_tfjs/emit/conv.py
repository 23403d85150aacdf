"""Convolutions with bias and activation fused into them."""

from __future__ import annotations

from typing import Any

import numpy as np

from kexport import ops
from kexport.ir.graph import Node
from kexport_shared.emit.families import Sliding
from kexport_shared.graphdef.emit.conv import KINDS, finish, window_attributes
from kexport_shared.graphdef.nodes import Ref
from kexport_shared.graphdef.table import activate
from kexport_tfjs.context import Context
from kexport_tfjs.emit.table import EMIT, FUSED


@EMIT.emits(ops.Conv)
def conv(e: Context, op: ops.Conv, node: Node) -> Ref:
    if len(op.strides) == 3:
        x, kernel, *bias = e.refs(node)
        return finish(e, op, e.op("Conv3D", x, kernel, **window_attributes(op, KINDS[3][1])), bias)
    return fused(e, op, node, "Conv2D", "_FusedConv2D", window_attributes(op))


@EMIT.emits(ops.DepthwiseConv)
def depthwise_conv(e: Context, op: ops.DepthwiseConv, node: Node) -> Ref:
    return fused(e, op, node, "DepthwiseConv2dNative", "FusedDepthwiseConv2dNative", window_attributes(op))


def fused(e: Context, op: Sliding, node: Node, plain: str, kind: str, attributes: dict[str, Any]) -> Ref:
    """An op with its bias, and its activation if the fused op knows it.

    The executor reads a fused op without bias as one without activation, so there is always a bias.
    """
    x, kernel, *bias = e.refs(node)
    known = op.activation in FUSED
    if not bias and not known:
        return activate(e, op.activation, e.op(plain, x, kernel, **attributes))
    bias = bias or [_no_bias(e, node)]
    fused_ops = ["BiasAdd", FUSED[op.activation or ""]] if known else ["BiasAdd"]
    y = e.op(kind, x, kernel, *bias, num_args=1, fused_ops=fused_ops, **attributes)
    return y if known else activate(e, op.activation, y)


def _no_bias(e: Context, node: Node) -> Ref:
    filters: Any = node.output.type.shape[-1]
    return e.const(np.zeros(filters), e.dialect.stored(node.output.type.dtype), "no_bias")
