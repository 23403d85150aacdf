"""Explains, node by node, what operators cannot do: the reasons that an export gives before it writes a byte."""

from __future__ import annotations

from collections.abc import Callable

from kexport import ops
from kexport.ir.graph import Node
from kexport.ir.op import Op
from kexport.ir.types import DType
from kexport.target import NO_TEXT
from kexport_tflite.kernels import kernel_types
from kexport_tflite.rules.types import data_operands
from kexport_tflite.weights import weights_of

Limit = Callable[[Node], str | None]

_STRANGERS = {
    DType.F64: "TF Lite has no float64 arithmetic; set the layer's dtype to float32",
    DType.C64: "TF Lite knows no complex numbers here",
    DType.STRING: NO_TEXT,
    DType.U64: "TF Lite has no uint64 arithmetic; use int32",
    DType.I64: "TF Lite has no int64 kernel for it; cast to int32",
}
_RANKS: dict[type[Op], int] = {
    ops.Pad: 5,
    ops.MatMul: 5,
    **dict.fromkeys(
        (ops.ReduceSum, ops.ReduceMean, ops.ReduceMax, ops.ReduceMin, ops.Softmax, ops.Concat, ops.Split, ops.Dense), 6
    ),
}
"""The most axes of an operator's tensors. Measured on LiteRT 2.3."""


def _rank(node: Node) -> str | None:
    limit = _RANKS.get(type(node.op))
    most = max((v.type.rank for v in (*node.inputs, *node.outputs)), default=0)
    return f"tensors of {most} axes; TF Lite takes {limit} at most here" if limit and most > limit else None


def _dtype(node: Node) -> str | None:
    which = data_operands(node)
    if which:
        dtype = node.inputs[which[0]].type.dtype
        return (
            None if dtype in kernel_types(node.op) else _STRANGERS.get(dtype, f"TF Lite has no {dtype} kernel for it")
        )
    used = {v.type.dtype for v in (*node.inputs, *node.outputs)}
    bad = used & {DType.C64, DType.STRING, DType.U64}
    return _STRANGERS[bad.pop()] if bad else None


def _computed(node: Node) -> str | None:
    """Forms that rules make of constants only."""
    op = node.op
    if isinstance(op, ops.ConvTranspose) and (node.inputs[0].type.rank != 5 or op.groups != 1):
        return "a transposed convolution whose kernel, bias or padding is computed"
    if isinstance(op, ops.ConvTranspose) and weights_of(node.inputs[1]) is None:
        return "a transposed convolution whose kernel is computed"
    if node.inputs and node.inputs[0].type.rank == 5 and (isinstance(op, ops.DepthwiseConv) or _is_grouped(op)):
        return "groups over three axes whose kernel or bias is computed"
    return None


def _is_grouped(op: Op) -> bool:
    return isinstance(op, ops.Conv) and op.groups != 1


def _scatter(node: Node) -> str | None:
    if isinstance(node.op, ops.ScatterNd):
        return f"scattering with {node.op.reduction} into a dynamic size"
    return None


LIMITS: tuple[Limit, ...] = (_dtype, _rank, _computed, _scatter)


def reason_against(node: Node) -> str | None:
    """Why this node cannot be emitted, or None."""
    return next((reason for limit in LIMITS if (reason := limit(node))), None)
