"""Activation functions from arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from kexport import ops
from kexport.ir.graph import Node, Value
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.term import Term

_SELU_ALPHA = 1.6732632423543772
_SELU_SCALE = 1.0507009873554805


@rule(ops.Gelu)
def gelu(op: ops.Gelu, node: Node, rewriter: Rewriter) -> Value:
    """x/2 * (1 + erf(x/sqrt(2))), or with tanh."""
    x = Term(rewriter, node.inputs[0])
    if getattr(op, "approximate", False):
        inner = ((x * x * 0.044715 + 1) * x * math.sqrt(2 / math.pi)).of(ops.Tanh())
    else:
        inner = (x * math.sqrt(0.5)).of(ops.Erf())
    return (x * 0.5 * (inner + 1)).value


@rule(ops.Silu)
def silu(op: ops.Silu, node: Node, rewriter: Rewriter) -> Value:
    """x * sigmoid(x)."""
    x = Term(rewriter, node.inputs[0])
    return (x * x.of(ops.Sigmoid())).value


@rule(ops.HardSigmoid)
def hard_sigmoid(op: ops.HardSigmoid, node: Node, rewriter: Rewriter) -> Value:
    """relu6(x + 3) / 6."""
    x = Term(rewriter, node.inputs[0])
    return ((x + 3).of(ops.Relu6()) * (1 / 6)).value


@rule(ops.HardSilu)
def hard_silu(op: ops.HardSilu, node: Node, rewriter: Rewriter) -> Value:
    """x * hard_sigmoid(x)."""
    x = Term(rewriter, node.inputs[0])
    return (x * x.of(ops.HardSigmoid())).value


@rule(ops.Mish)
def mish(op: ops.Mish, node: Node, rewriter: Rewriter) -> Value:
    """x * tanh(softplus(x))."""
    x = Term(rewriter, node.inputs[0])
    return (x * x.of(ops.Softplus()).of(ops.Tanh())).value


@rule(ops.Softplus)
def softplus(op: ops.Softplus, node: Node, rewriter: Rewriter) -> Value:
    """max(x, 0) + log(1 + e**-|x|), which never overflows."""
    x = Term(rewriter, node.inputs[0])
    tail = ((-abs(x)).of(ops.Exp()) + 1).of(ops.Log())
    return (x.of(ops.Relu()) + tail).value


@rule(ops.Softsign)
def softsign(op: ops.Softsign, node: Node, rewriter: Rewriter) -> Value:
    """x / (1 + |x|)."""
    x = Term(rewriter, node.inputs[0])
    return (x / (abs(x) + 1)).value


@rule(ops.Celu)
def celu(op: ops.Celu, node: Node, rewriter: Rewriter) -> Value:
    """alpha * elu(x / alpha)."""
    x = Term(rewriter, node.inputs[0])
    alpha = _alpha(node)
    return ((x * (1 / alpha)).of(ops.Elu(1.0)) * alpha).value


@rule(ops.Selu)
def selu(op: ops.Selu, node: Node, rewriter: Rewriter) -> Value:
    """elu with a scale."""
    x = Term(rewriter, node.inputs[0])
    return (x.of(ops.Elu(_SELU_ALPHA)) * _SELU_SCALE).value


@rule(ops.Elu)
def elu(op: ops.Elu, node: Node, rewriter: Rewriter) -> Value:
    """x where x > 0, else alpha * elu with alpha 1; and that is e**min(x, 0) - 1."""
    x = Term(rewriter, node.inputs[0])
    alpha = _alpha(node)
    low = x.min(0.0).of(ops.Expm1()) if alpha == 1 else x.of(ops.Elu(1.0)) * alpha
    return (x > 0.0).select(x, low).value


@rule(ops.LeakyRelu)
def leaky_relu(op: ops.LeakyRelu, node: Node, rewriter: Rewriter) -> Value:
    """max(x, alpha*x) where 0 <= alpha <= 1."""
    x = Term(rewriter, node.inputs[0])
    alpha = _alpha(node)
    scaled = x * alpha
    return (x.max(scaled) if 0 <= alpha <= 1 else (x > 0.0).select(x, scaled)).value


@rule(ops.Prelu)
def prelu(op: ops.Prelu, node: Node, rewriter: Rewriter) -> Value:
    """x where x > 0, else alpha * x."""
    x, alpha = (Term(rewriter, v) for v in node.inputs)
    return (x > 0.0).select(x, x * alpha).value


@rule(ops.Threshold)
def threshold(op: ops.Threshold, node: Node, rewriter: Rewriter) -> Value | None:
    """x where x > threshold, else value."""
    x = Term(rewriter, node.inputs[0])
    return (x > op.threshold).select(x, x.lift(op.value)).value


@rule(ops.Relu)
def relu(op: ops.Relu, node: Node, rewriter: Rewriter) -> Value:
    """max(x, 0)."""
    return Term(rewriter, node.inputs[0]).max(0).value


@rule(ops.Relu6)
def relu6(op: ops.Relu6, node: Node, rewriter: Rewriter) -> Value:
    """Clip between 0 and 6."""
    return rewriter.add(ops.Clip(0.0, 6.0), node.inputs[0])


@rule(ops.Clip)
def clip(op: ops.Clip, node: Node, rewriter: Rewriter) -> Value | None:
    """min(max(x, low), high)."""
    x = Term(rewriter, node.inputs[0])
    x = x if op.low is None else x.max(_bound(x, math.ceil, op.low))
    return (x if op.high is None else x.min(_bound(x, math.floor, op.high))).value


def _bound(x: Term, whole: Callable[[float], int], bound: float) -> float:
    """A bound that the element type of x can hold."""
    if not x.type.dtype.is_int:
        return bound
    limits = np.iinfo(x.type.dtype.numpy)
    return int(min(max(bound if math.isinf(bound) else whole(bound), limits.min), limits.max))


def _alpha(node: Node) -> float:
    alpha: float = node.op.attributes()["alpha"]
    return alpha


RULES = (
    gelu, silu, hard_sigmoid, hard_silu, mish, softplus, softsign, celu, selu, elu, leaky_relu, prelu, threshold, relu,
    relu6, clip,
)  # fmt: skip
