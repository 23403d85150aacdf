"""Convolutions, channels first: kernels are [O, I/groups, *K], those of transposed ones [I, O/groups, *K]."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kexport import ops
from kexport.errors import EmitError
from kexport.ir.dim import Dim, SymDim
from kexport.ir.graph import Node, Value
from kexport.ops.window import Pairs, explicit_pads
from kexport_onnx.context import Context
from kexport_onnx.emit.layout import pad_around
from kexport_onnx.emit.table import EMIT
from kexport_onnx.refs import Ref
from kexport_shared.emit.axes import channels_first, outputs_first
from kexport_shared.emit.crops import fixed_crops
from kexport_shared.emit.families import Convolution, Sliding


def pad_attributes(pairs: Pairs, same: bool) -> dict[str, Any]:
    """`pads`; where a stride over a dynamic size leaves them open, `auto_pad`."""
    flat = [*(low for low, _ in pairs), *(high for _, high in pairs)]
    if not any(isinstance(p, SymDim) for p in flat):
        return {"pads": flat} if any(flat) else {}
    if not same:
        raise EmitError(f"the padding {pairs} of a window depends on the input size")
    return {"auto_pad": "SAME_UPPER"}


def _window_attributes(op: Convolution, kernel: Sequence[Dim]) -> dict[str, Any]:
    return {
        "kernel_shape": list(kernel[:-2]),
        "strides": list(op.strides),
        "dilations": list(op.dilation) if set(op.dilation) != {1} else None,
    }


def _padded(e: Context, op: Sliding, x: Value, kernel: Sequence[Dim]) -> tuple[Ref, dict[str, Any]]:
    """The image and `pads`; zeros around it where they depend on its size: `auto_pad` knows no dilation."""
    pairs = explicit_pads(x.type.shape[2:], tuple(kernel[:-2]), op.strides, op.dilation, op.padding)
    known = not any(isinstance(p, SymDim) for pair in pairs for p in pair)
    if known or (op.padding == "same" and set(op.dilation) == {1}):
        return e.ref(x), pad_attributes(pairs, op.padding == "same")
    return pad_around(e, e.ref(x), [(i, pair) for i, pair in enumerate(pairs, 2) if pair != (0, 0)], 0), {}


@EMIT.emits(ops.Conv)
def conv(e: Context, op: ops.Conv, node: Node) -> Ref:
    x, kernel, *bias = node.inputs
    weights = e.parameter(kernel, outputs_first(kernel.type.rank))
    image, pads = _padded(e, op, x, kernel.type.shape)
    attributes = _window_attributes(op, kernel.type.shape) | pads
    y = e.op("Conv", image, weights, *map(e.ref, bias), group=op.groups if op.groups > 1 else None, **attributes)
    return EMIT.activate(e, op.activation, y)


@EMIT.emits(ops.DepthwiseConv)
def depthwise_conv(e: Context, op: ops.DepthwiseConv, node: Node) -> Ref:
    """A grouped convolution with a group for each channel."""
    x, kernel, *bias = node.inputs
    channels, multiplier = kernel.type.shape[-2:]
    shape: Any = (channels * multiplier, 1, *kernel.type.shape[:-2])
    weights = e.parameter(kernel, channels_first(kernel.type.rank), shape)
    image, pads = _padded(e, op, x, kernel.type.shape)
    attributes = _window_attributes(op, kernel.type.shape) | pads
    y = e.op("Conv", image, weights, *map(e.ref, bias), group=channels, **attributes)
    return EMIT.activate(e, op.activation, y)


@EMIT.emits(ops.ConvTranspose)
def conv_transpose(e: Context, op: ops.ConvTranspose, node: Node) -> Ref:
    """The crops are `pads`; a negative crop at the high end is `output_padding`."""
    x, kernel, *bias = node.inputs
    window: Any = kernel.type.shape[:-2]
    flat = [d for pair in fixed_crops(op, x.type.shape[2:], window) for d in pair]
    lows = flat[0::2]
    highs = flat[1::2]
    extra: Any = [max(-h, 0) for h in highs]
    y = e.op(
        "ConvTranspose",
        e.ref(x),
        e.parameter(kernel, outputs_first(kernel.type.rank)),
        *map(e.ref, bias),
        **_window_attributes(op, kernel.type.shape),
        group=op.groups if op.groups > 1 else None,
        pads=[*lows, *(max(h, 0) for h in highs)] if any(flat) else None,
        output_padding=extra if any(extra) else None,
    )
    return EMIT.activate(e, op.activation, y)
