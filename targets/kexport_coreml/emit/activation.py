"""Activation functions."""

from __future__ import annotations

from kexport import ops
from kexport.ir.op import Op
from kexport.ir.types import DType
from kexport.ops.arrays import highest, lowest
from kexport_coreml.context import Context
from kexport_coreml.emit.table import EMIT
from kexport_coreml.refs import Ref

_SAME = {
    ops.Sigmoid: "sigmoid",
    ops.Tanh: "tanh",
    ops.Softplus: "softplus",
    ops.Softsign: "softsign",
    ops.Silu: "silu",
}


@EMIT.applies(*_SAME)
def same(e: Context, op: Op, x: Ref) -> Ref:
    return e.op(_SAME[type(op)], x=x)


@EMIT.applies(ops.Relu)
def relu(e: Context, op: ops.Relu, x: Ref) -> Ref:
    return e.op("relu", x=x) if x.dtype.is_float else between(e, x, 0, None)


@EMIT.applies(ops.Relu6)
def relu6(e: Context, op: ops.Relu6, x: Ref) -> Ref:
    return e.op("relu6", x=x) if x.dtype.is_float else between(e, x, 0, 6)


@EMIT.applies(ops.Clip)
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


@EMIT.applies(ops.LeakyRelu, ops.Elu)
def with_alpha(e: Context, op: ops.LeakyRelu | ops.Elu, x: Ref) -> Ref:
    return e.op(type(op).name, x=x, alpha=float(op.alpha))


@EMIT.applies(ops.HardSigmoid)
def hard_sigmoid(e: Context, op: ops.HardSigmoid, x: Ref) -> Ref:
    return e.op("sigmoid_hard", x=x, alpha=1 / 6, beta=0.5)


@EMIT.applies(ops.Gelu)
def gelu(e: Context, op: ops.Gelu, x: Ref) -> Ref:
    return e.op("gelu", x=x, mode="TANH_APPROXIMATION" if op.approximate else "EXACT")
