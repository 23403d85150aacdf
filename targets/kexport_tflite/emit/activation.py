"""Activations, and those that other operators apply to their result."""

from __future__ import annotations

from typing import Any

from kexport import ops
from kexport.ir.graph import Node
from kexport.ir.op import Op
from kexport_tflite.context import Context
from kexport_tflite.emit.table import EMIT

SIMPLE = {
    ops.Relu: "RELU",
    ops.Relu6: "RELU6",
    ops.Elu: "ELU",
    ops.Sigmoid: "LOGISTIC",
    ops.Tanh: "TANH",
    ops.HardSilu: "HARD_SWISH",
    ops.Prelu: "PRELU",
}
FUSED = {None: "NONE", "relu": "RELU", "relu6": "RELU6"}
"""Activations that operators apply themselves, by the name in the graph; others are separate (XNNPACK refuses TANH)."""
CLIPS = {(0.0, None): "RELU", (0.0, 6.0): "RELU6", (-1.0, 1.0): "RELU_N1_TO_1"}


def fused(op: Op) -> dict[str, Any]:
    """The option for an op's activation."""
    return {"fused_activation_function": FUSED[getattr(op, "activation", None)]}


@EMIT(*SIMPLE)
def activation(e: Context, op: Op, node: Node) -> None:
    """One operator of the same meaning; or an option of the operator before, where it has one."""
    name = SIMPLE[type(op)]
    if name not in FUSED.values() or not e.fuse(node, "fused_activation_function", name):
        e.emit(name, node)


@EMIT(ops.LeakyRelu)
def leaky_relu(e: Context, op: ops.LeakyRelu, node: Node) -> None:
    """LEAKY_RELU."""
    e.emit("LEAKY_RELU", node, alpha=op.alpha)


@EMIT(ops.Gelu)
def gelu(e: Context, op: ops.Gelu, node: Node) -> None:
    """GELU, exact or approximate."""
    e.emit("GELU", node, approximate=op.approximate)


@EMIT(ops.Clip)
def clip(e: Context, op: ops.Clip, node: Node) -> None:
    """A rectifier where one has these bounds, else MAXIMUM and MINIMUM."""
    (x,) = node.inputs
    dtype = node.output.type.dtype
    if dtype.is_float and (op.low, op.high) in CLIPS:
        e.emit(CLIPS[op.low, op.high], node)
        return
    bounds = [(n, b) for n, b in (("MAXIMUM", op.low), ("MINIMUM", op.high)) if b is not None]
    value = e.tensor(x)
    for name, bound in bounds[:-1]:
        value = e.step(name, [value, e.scalar(bound, dtype)], x.type)
    if not bounds:
        e.copy(x, e.tensor(node.output))
        return
    name, bound = bounds[-1]
    e.emit(name, node, value, e.scalar(bound, dtype))
