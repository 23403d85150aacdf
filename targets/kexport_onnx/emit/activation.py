"""Activation functions."""

from __future__ import annotations

import math
from typing import Any

from kexport import ops
from kexport.ir.graph import Node
from kexport.ir.op import Op
from kexport.ir.types import DType
from kexport.ops.arrays import highest, lowest
from kexport_onnx.context import Context
from kexport_onnx.emit.table import EMIT
from kexport_onnx.refs import Ref
from kexport_onnx.versions import NEWER_KINDS

_SELU: dict[str, Any] = {"alpha": 1.6732632423543772, "gamma": 1.0507009873554805}
_HARD_SIGMOID: dict[str, Any] = {"alpha": 1 / 6, "beta": 0.5}


@EMIT.applies(ops.Sigmoid, ops.Tanh, ops.Softplus, ops.Softsign)
def same(e: Context, op: Op, x: Ref) -> Ref:
    return e.op(type(op).__name__, x)


@EMIT.applies(ops.Relu)
def relu(e: Context, op: ops.Relu, x: Ref) -> Ref:
    if x.dtype.value.startswith("u"):
        return x
    return e.op("Max", x, e.const(0, x.dtype)) if x.dtype is DType.I64 else e.op("Relu", x)


@EMIT.applies(ops.Relu6)
def relu6(e: Context, op: ops.Relu6, x: Ref) -> Ref:
    return e.op("Clip", x, e.const(0, x.dtype), e.const(6, x.dtype))


@EMIT.applies(ops.Clip)
def clip(e: Context, op: ops.Clip, x: Ref) -> Ref:
    """A bound beyond what an integer type holds binds nothing."""
    low = op.low
    high = op.high
    if x.dtype.is_int:
        least = lowest(x.dtype.numpy)
        most = highest(x.dtype.numpy)
        low, high = (None if b is None else min(max(b, least), most) for b in (low, high))
    bounds = (None if b is None else e.const(b, x.dtype) for b in (low, high))
    return e.op("Clip", x, *bounds)


@EMIT.applies(ops.LeakyRelu, ops.Elu)
def with_alpha(e: Context, op: ops.LeakyRelu | ops.Elu, x: Ref) -> Ref:
    return e.op(type(op).__name__, x, alpha=float(op.alpha))


@EMIT.applies(ops.Celu)
def celu(e: Context, op: ops.Celu, x: Ref) -> Ref:
    return e.op("Celu", x, alpha=float(op.alpha))


@EMIT.applies(ops.Selu)
def selu(e: Context, op: ops.Selu, x: Ref) -> Ref:
    return e.op("Selu", x, **_SELU)


@EMIT.applies(ops.HardSigmoid)
def hard_sigmoid(e: Context, op: ops.HardSigmoid, x: Ref) -> Ref:
    return e.op("HardSigmoid", x, **_HARD_SIGMOID)


@EMIT.applies(ops.HardSilu)
def hard_silu(e: Context, op: ops.HardSilu, x: Ref) -> Ref:
    return e.op("HardSwish", x)


@EMIT.applies(ops.Mish)
def mish(e: Context, op: ops.Mish, x: Ref) -> Ref:
    return e.op("Mish", x)


@EMIT.applies(ops.Gelu)
def gelu(e: Context, op: ops.Gelu, x: Ref) -> Ref:
    """Before opset 20 in the nodes that ONNX Runtime fuses to a kernel of its own. No product overflows where x is."""
    if e.opset >= NEWER_KINDS["Gelu"]:
        return e.op("Gelu", x, approximate="tanh" if op.approximate else None)
    half = e.op("Mul", x, e.const(0.5, x.dtype))
    return e.op("Mul", half, e.op("Add", _gelu_gate(e, op, x), e.const(1, x.dtype)))


def _gelu_gate(e: Context, op: ops.Gelu, x: Ref) -> Ref:
    if not op.approximate:
        return e.op("Erf", e.op("Div", x, e.const(math.sqrt(2), x.dtype)))
    cubic = e.op("Mul", e.op("Mul", x, e.const(0.044715, x.dtype)), x)
    scaled = e.op("Mul", x, e.const(math.sqrt(2 / math.pi), x.dtype))
    return e.op("Tanh", e.op("Mul", scaled, e.op("Add", cubic, e.const(1, x.dtype))))


@EMIT.applies(ops.Threshold)
def threshold(e: Context, op: ops.Threshold, x: Ref) -> Ref:
    if not op.value:
        return e.op("ThresholdedRelu", x, alpha=float(op.threshold))
    above = e.op("Greater", x, e.const(op.threshold, x.dtype), dtype=DType.BOOL)
    return e.op("Where", above, x, e.const(op.value, x.dtype), main=1)


@EMIT.emits(ops.Prelu)
def prelu(e: Context, op: ops.Prelu, node: Node) -> Ref:
    return e.op("PRelu", *e.refs(node))
