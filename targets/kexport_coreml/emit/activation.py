"""Activation functions."""

from __future__ import annotations

from typing import Any

from kexport import ops
from kexport.ir.types import DType
from kexport.ops.arrays import highest, lowest
from kexport_coreml.context import Context
from kexport_coreml.emit.table import APPLY, applies
from kexport_coreml.refs import Ref

_SAME = {
    ops.Sigmoid: "sigmoid", ops.Tanh: "tanh", ops.Softplus: "softplus", ops.Softsign: "softsign", ops.Silu: "silu",
}  # fmt: skip


def activate(e: Context, name: str | None, x: Ref) -> Ref:
    """What the `activation` attribute of an op does to its result."""
    if name is None:
        return x
    op = ops.ACTIVATIONS[name]
    return APPLY[type(op)](e, op, x)


@applies(*_SAME)
def same(e: Context, op: Any, x: Ref) -> Ref:
    return e.op(_SAME[type(op)], x=x)


@applies(ops.Relu)
def relu(e: Context, op: ops.Relu, x: Ref) -> Ref:
    return e.op("relu", x=x) if x.dtype.is_float else between(e, x, 0, None)


@applies(ops.Relu6)
def relu6(e: Context, op: ops.Relu6, x: Ref) -> Ref:
    return e.op("relu6", x=x) if x.dtype.is_float else between(e, x, 0, 6)


@applies(ops.Clip)
def clip(e: Context, op: ops.Clip, x: Ref) -> Ref:
    if x.dtype.is_float and op.low is not None and op.high is not None:
        return e.op("clip", x=x, alpha=op.low, beta=op.high)
    return between(e, x, op.low, op.high)


def between(e: Context, x: Ref, low: float | None, high: float | None) -> Ref:
    """x, but not below `low` and not above `high`; a bound beyond what an integer type holds binds nothing."""
    for kind, bound in (("maximum", low), ("minimum", high)):
        if bound is not None:
            if x.dtype is DType.I32:
                bound = min(max(bound, lowest(x.dtype.numpy)), highest(x.dtype.numpy))
            x = e.elementwise(kind, x, e.const(bound, x.dtype))
    return x


@applies(ops.LeakyRelu, ops.Elu)
def with_alpha(e: Context, op: Any, x: Ref) -> Ref:
    return e.op(type(op).name, x=x, alpha=float(op.alpha))


@applies(ops.HardSigmoid)
def hard_sigmoid(e: Context, op: ops.HardSigmoid, x: Ref) -> Ref:
    return e.op("sigmoid_hard", x=x, alpha=1 / 6, beta=0.5)


@applies(ops.Gelu)
def gelu(e: Context, op: ops.Gelu, x: Ref) -> Ref:
    return e.op("gelu", x=x, mode="TANH_APPROXIMATION" if op.approximate else "EXACT")
