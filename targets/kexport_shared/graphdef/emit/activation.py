"""Activation functions."""

from __future__ import annotations

import math

from kexport import ops
from kexport.ir.op import Op
from kexport.ops.arrays import highest, lowest
from kexport_shared.graphdef.context import Context
from kexport_shared.graphdef.nodes import Ref
from kexport_shared.graphdef.table import COMMON


@COMMON.applies(ops.Relu, ops.Relu6, ops.Selu, ops.Sigmoid, ops.Tanh, ops.Softplus)
def same(e: Context, op: Op, x: Ref) -> Ref:
    return e.op(type(op).__name__, x)


@COMMON.applies(ops.Elu)
def elu(e: Context, op: ops.Elu, x: Ref) -> Ref:
    """TensorFlow's has alpha 1; its negative half is scaled."""
    y = e.op("Elu", x)
    if op.alpha == 1:
        return y
    zero = e.const(0, x.dtype)
    low = e.op("Mul", e.op("Minimum", y, zero), e.const(op.alpha, x.dtype))
    return e.op("AddV2", e.op("Maximum", x, zero), low)


@COMMON.applies(ops.LeakyRelu)
def leaky_relu(e: Context, op: ops.LeakyRelu, x: Ref) -> Ref:
    return e.op("LeakyRelu", x, alpha=float(op.alpha))


@COMMON.applies(ops.Clip)
def clip(e: Context, op: ops.Clip, x: Ref) -> Ref:
    """A bound beyond what an integer type holds binds nothing."""
    low, high = (_bound(b, x) for b in (op.low, op.high))
    if low is not None and high is not None and x.dtype.is_float:
        return e.op("ClipByValue", x, e.const(low, x.dtype), e.const(high, x.dtype))
    x = x if low is None else e.op("Maximum", x, e.const(low, x.dtype))
    return x if high is None else e.op("Minimum", x, e.const(high, x.dtype))


def _bound(bound: float | None, x: Ref) -> float | None:
    if bound is None or (x.dtype.is_float and math.isinf(bound)):
        return None
    if not x.dtype.is_int:
        return bound
    return min(max(bound, lowest(x.dtype.numpy)), highest(x.dtype.numpy))
