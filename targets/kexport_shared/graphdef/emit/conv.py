"""Convolutions over two or three axes; legalize brings others to these forms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kexport import ops
from kexport.errors import EmitError
from kexport.ir.dim import Dim
from kexport.ir.graph import Node
from kexport_shared.emit.families import Convolution
from kexport_shared.graphdef.context import Context
from kexport_shared.graphdef.nodes import Ref
from kexport_shared.graphdef.table import COMMON, activate

KINDS = {2: ("Conv2D", "NHWC"), 3: ("Conv3D", "NDHWC")}


def window_attributes(op: Convolution, layout: str = "NHWC") -> dict[str, Any]:
    """Strides, padding and layout of a window.

    Raises:
        EmitError: a dilated kernel that is computed, where only constants can be widened.
    """
    if max(op.dilation) > 1 and (layout == "NDHWC" or isinstance(op, ops.ConvTranspose)):
        raise EmitError(f"there is no dilated {op.name} with a kernel that the model computes")
    pads: dict[str, Any] = {"padding": "EXPLICIT" if isinstance(op.padding, tuple) else op.padding.upper()}
    if isinstance(op.padding, tuple):
        pads["explicit_paddings"] = [0, 0, *(d for pair in op.padding for d in pair), 0, 0]
    return pads | {"strides": [1, *op.strides, 1], "dilations": [1, *op.dilation, 1], "data_format": layout}


@COMMON.emits(ops.Conv)
def conv(e: Context, op: ops.Conv, node: Node) -> Ref:
    x, kernel, *bias = e.refs(node)
    kind, layout = KINDS[len(op.strides)]
    return finish(e, op, e.op(kind, x, kernel, **window_attributes(op, layout)), bias)


@COMMON.emits(ops.DepthwiseConv)
def depthwise_conv(e: Context, op: ops.DepthwiseConv, node: Node) -> Ref:
    x, kernel, *bias = e.refs(node)
    return finish(e, op, e.op("DepthwiseConv2dNative", x, kernel, **window_attributes(op)), bias)


@COMMON.emits(ops.ConvTranspose)
def conv_transpose(e: Context, op: ops.ConvTranspose, node: Node) -> Ref:
    """The gradient of a convolution with respect to its operand, whose sizes are given."""
    x, kernel, *bias = e.refs(node)
    sizes: Sequence[Dim] = node.output.type.shape
    y = e.op("Conv2DBackpropInput", e.dims(sizes), kernel, x, main=1, **window_attributes(op))
    return finish(e, op, y, bias)


def finish(e: Context, op: Convolution, y: Ref, bias: Sequence[Ref]) -> Ref:
    """Bias and activation, each apart."""
    return activate(e, op.activation, e.op("BiasAdd", y, *bias) if bias else y)
