"""Convolutions, channels first: kernels are [O, I/groups, *K], those of transposed ones [I, O/groups, *K].

Padding is always `custom`: Core ML's `same` does not depend on the stride as TensorFlow's does.
"""

from __future__ import annotations

from typing import Any

from kexport import ops
from kexport.ir.dim import SymDim
from kexport.ir.graph import Node
from kexport.ops.window import Pairs, explicit_pads
from kexport_coreml.context import Context
from kexport_coreml.emit.table import EMIT
from kexport_coreml.refs import Ref
from kexport_shared.emit.axes import channels_first, outputs_first
from kexport_shared.emit.crops import fixed_crops
from kexport_shared.emit.families import Sliding


def own_padding(e: Context, x: Ref, pairs: Pairs, fill: float) -> tuple[Ref, list[int]]:
    """The image, and what a window operation pads by itself: low and high of each spatial axis in turn.

    Padding that depends on the input size is done before, as an operation of its own.
    """
    flat = [p for pair in pairs for p in pair]
    fixed = [p for p in flat if not isinstance(p, SymDim)]
    if len(fixed) == len(flat):
        return x, fixed
    shape = (*x.shape[:2], *(d + low + high for d, (low, high) in zip(x.shape[2:], pairs, strict=True)))
    amounts = e.dims([0, 0, 0, 0, *flat])
    return e.op("pad", shape=shape, x=x, pad=amounts, mode="constant", constant_val=fill), [0] * len(flat)


def _convolve(e: Context, node: Node, op: Sliding, weight: Ref, groups: int) -> Ref:
    x, kernel, *bias = node.inputs
    window = kernel.type.shape[:-2]
    pairs = explicit_pads(x.type.shape[2:], window, op.strides, op.dilation, op.padding)
    image, pads = own_padding(e, e.ref(x), pairs, 0.0)
    b = e.ref(bias[0]) if bias else None
    late = b is not None and not b.constant and e.ios < 17
    y = e.op(
        "conv",
        shape=node.output.type.shape,
        x=image,
        weight=weight,
        bias=None if late else b,
        strides=list(op.strides),
        pad_type="custom",
        pad=pads,
        dilations=list(op.dilation),
        groups=groups,
    )
    return EMIT.activate(e, op.activation, add_bias(e, y, b) if late and b else y)


def add_bias(e: Context, y: Ref, bias: Ref) -> Ref:
    """y + bias along the channels, which come first."""
    return e.elementwise("add", y, e.reshape(bias, (bias.shape[0], *(1,) * (y.rank - 2))))


@EMIT.emits(ops.Conv)
def conv(e: Context, op: ops.Conv, node: Node) -> Ref:
    kernel = node.inputs[1]
    return _convolve(e, node, op, e.parameter(kernel, outputs_first(kernel.type.rank)), op.groups)


@EMIT.emits(ops.DepthwiseConv)
def depthwise_conv(e: Context, op: ops.DepthwiseConv, node: Node) -> Ref:
    """A grouped convolution with a group for each channel."""
    kernel = node.inputs[1]
    *window, channels, multiplier = kernel.type.shape
    weight = e.parameter(kernel, channels_first(kernel.type.rank), (channels * multiplier, 1, *window))
    return _convolve(e, node, op, weight, int(channels))  # type: ignore[arg-type]


@EMIT.emits(ops.ConvTranspose)
def conv_transpose(e: Context, op: ops.ConvTranspose, node: Node) -> Ref:
    """The crops are `pad`; a negative crop is zeros around the result, added before the bias."""
    x, kernel, *bias = node.inputs
    window: Any = kernel.type.shape[:-2]
    crops = [c for pair in fixed_crops(op, x.type.shape[2:], window) for c in pair]
    grown = [max(-c, 0) for c in crops]
    b = e.ref(bias[0]) if bias else None
    late = b is not None and (any(grown) or (not b.constant and e.ios < 17))
    shape = node.output.type.shape
    inside = (*shape[:2], *(d - low - high for d, low, high in zip(shape[2:], grown[0::2], grown[1::2], strict=True)))
    y = e.op(
        "conv_transpose",
        shape=inside,
        x=e.ref(x),
        weight=e.parameter(kernel, outputs_first(kernel.type.rank)),
        bias=None if late else b,
        strides=list(op.strides),
        pad_type="custom",
        pad=[max(c, 0) for c in crops],
        dilations=list(op.dilation),
        groups=op.groups,
    )
    if any(grown):
        y = e.op("pad", shape=shape, x=y, pad=[0, 0, 0, 0, *grown], mode="constant", constant_val=0.0)
    return EMIT.activate(e, op.activation, add_bias(e, y, b) if late and b else y)
