"""Recognizes activations and softmaxes that a model spells out in arithmetic."""

from __future__ import annotations

import math
from typing import Any

from kexport import ops
from kexport.ir.graph import Node, Value
from kexport.ir.op import Op
from kexport.rewrite import Rewriter, RulePass, rule
from kexport.rewrite.factors import Factors, factors, plus
from kexport.rewrite.match import axes_of, is_close, is_single, made_by, uniform
from kexport.rewrite.rule import Replacement

# --- clips

_CLIPS: dict[tuple[float | None, float | None], Op] = {(0, None): ops.Relu(), (0, 6): ops.Relu6()}


def _limits(op: Op) -> tuple[float, float]:
    match op:
        case ops.Relu6():
            return 0.0, 6.0
        case ops.Clip(low=low, high=high):
            return -math.inf if low is None else low, math.inf if high is None else high
        case _:
            return 0.0, math.inf


def _clip(low: float, high: float) -> Op:
    bounds = None if low == -math.inf else low, None if high == math.inf else high
    return _CLIPS.get(bounds, ops.Clip(*bounds))


@rule(ops.Maximum, ops.Minimum)
def clip(op: ops.Maximum | ops.Minimum, node: Node, rewriter: Rewriter) -> Replacement:
    """max(x, c) and min(x, c)."""
    x, c = node.inputs if uniform(node.inputs[0]) is None else node.inputs[::-1]
    bound = uniform(c)
    if bound is None or math.isinf(bound) or x.type != node.output.type or not x.type.dtype.is_float:
        return None
    limits = (bound, math.inf) if isinstance(op, ops.Maximum) else (-math.inf, bound)
    return rewriter.add(_clip(*limits), x)


@rule(ops.Clip)
def clip_by_name(op: ops.Clip, node: Node, rewriter: Rewriter) -> Replacement:
    """clip(x, 0, 6) is relu6(x); a clip without bounds is x."""
    low, high = _limits(op)
    if low == -math.inf and high == math.inf:
        return node.inputs[0]
    named = _clip(low, high)
    return None if named == op else rewriter.add(named, node.inputs[0])


@rule(ops.Clip, ops.Relu, ops.Relu6)
def clip_of_clip(op: ops.Clip | ops.Relu | ops.Relu6, node: Node, rewriter: Rewriter) -> Replacement:
    """min(relu(x), 6) is relu6(x)."""
    inner = made_by(node.inputs[0], ops.Clip, ops.Relu, ops.Relu6)
    if inner is None or not rewriter.only_use(node.inputs[0]):
        return None
    low, high = _limits(op)
    return rewriter.add(_clip(*(min(max(b, low), high) for b in _limits(inner.op))), inner.inputs[0])


@rule(ops.Maximum)
def leaky_relu(op: ops.Maximum, node: Node, rewriter: Rewriter) -> Replacement:
    """max(x, a*x) with 0 < a < 1."""
    for x, scaled in (node.inputs, node.inputs[::-1]):
        part = factors(scaled)
        if part.are(x) and 0 < part.number < 1 and x.type == node.output.type and x.type.dtype.is_float:
            return rewriter.add(ops.LeakyRelu(part.number), x)
    return None


# --- products


@rule(ops.Mul, ops.Div)
def product(op: ops.Mul | ops.Div, node: Node, rewriter: Rewriter) -> Replacement:
    """Recognize a gate times its input: silu, hard_silu, mish, gelu; and hard_sigmoid."""
    whole = factors(node.output)
    if not 1 <= len(whole.values) <= 4 or any(v.type != node.output.type for v in whole.values):
        return None
    for gate in whole.values:
        maker = gate.producer
        find = _GATES.get(type(maker.op)) if maker and is_single(gate) else None
        found = find(whole, gate, gate.producer) if find else None
        if found is not None:
            return rewriter.add(*found)
    return None


Found = tuple[Op, Value] | None


def _sigmoid_gate(whole: Factors, gate: Value, maker: Any) -> Found:
    (x,) = maker.inputs
    op = ops.Silu() if isinstance(maker.op, ops.Sigmoid) else ops.HardSilu()
    return (op, x) if whole.number == 1 and whole.are(gate, x) else None


def _tanh_gate(whole: Factors, gate: Value, maker: Any) -> Found:
    softplus = made_by(maker.inputs[0], ops.Softplus)
    x = softplus.inputs[0] if softplus else None
    return (ops.Mish(), x) if x and whole.number == 1 and whole.are(gate, x) else None


def _relu6_gate(whole: Factors, gate: Value, maker: Any) -> Found:
    """relu6(x + 3) / 6, alone or times x."""
    moved = plus(maker.inputs[0])
    if moved is None or moved.sign != 1 or not is_close(moved.number, 3, gate.type.dtype):
        return None
    if not is_close(whole.number, 1 / 6, gate.type.dtype):
        return None
    if whole.are(gate):
        return ops.HardSigmoid(), moved.value
    return (ops.HardSilu(), moved.value) if whole.are(gate, moved.value) else None


def _gelu_gate(whole: Factors, gate: Value, maker: Any) -> Found:
    """1 + erf(x / sqrt(2)), or 1 + tanh(sqrt(2/pi) * (x + 0.044715 * x**3)), times x/2; either sign within erf."""
    moved = plus(gate)
    rest = whole.without(gate)
    if moved is None or not rest or len(rest) != 1:
        return None
    (x,) = rest
    dtype = gate.type.dtype
    inner = factors(moved.value)
    curve = inner.values[0].producer if len(inner.values) == 1 else None
    if curve is None or not is_close(whole.number * moved.number, 0.5, dtype):
        return None
    within = factors(curve.inputs[0]) if curve.inputs else None
    sign = moved.sign * inner.number / moved.number if moved.number else 0.0
    if within is None or not is_close(math.copysign(1.0, within.number) * sign, 1.0, dtype):
        return None
    scale = abs(within.number)
    if isinstance(curve.op, ops.Erf) and within.are(x) and is_close(scale, math.sqrt(0.5), dtype):
        return ops.Gelu(approximate=False), x
    if isinstance(curve.op, ops.Tanh) and is_close(scale, math.sqrt(2 / math.pi), dtype) and _cubic(within, x):
        return ops.Gelu(approximate=True), x
    return None


def _cubic(product: Factors, x: Value) -> bool:
    """Return whether values are x + 0.044715*x**3, or x times 1 + 0.044715*x**2."""
    rest = product.without(x)
    if rest is None:
        node = product.values[0].producer if len(product.values) == 1 else None
        pairs = (node.inputs, node.inputs[::-1]) if node and isinstance(node.op, ops.Add) else ()
        cubes = [factors(b) for a, b in pairs if a is x]
        return any(c.are(x, x, x) and is_close(c.number, 0.044715, x.type.dtype) for c in cubes)
    one = plus(rest[0]) if len(rest) == 1 else None
    if one is None or one.number != 1 or one.sign != 1:
        return False
    square = factors(one.value)
    return square.are(x, x) and is_close(square.number, 0.044715, x.type.dtype)


_GATES: dict[type[Op], Any] = {
    ops.Sigmoid: _sigmoid_gate,
    ops.HardSigmoid: _sigmoid_gate,
    ops.Tanh: _tanh_gate,
    ops.Relu6: _relu6_gate,
    ops.Add: _gelu_gate,
    ops.Sub: _gelu_gate,
}


@rule(ops.Clip)
def hard_sigmoid(op: ops.Clip, node: Node, rewriter: Rewriter) -> Replacement:
    """clip(x/6 + 0.5, 0, 1)."""
    moved = plus(node.inputs[0])
    if op != ops.Clip(0.0, 1.0) or moved is None or moved.sign != 1 or moved.number != 0.5:
        return None
    part = factors(moved.value)
    fits = len(part.values) == 1 and is_close(part.number, 1 / 6, node.output.type.dtype)
    return rewriter.add(ops.HardSigmoid(), part.values[0]) if fits else None


# --- quotients and logarithms


@rule(ops.Reciprocal)
def sigmoid(op: ops.Reciprocal, node: Node, rewriter: Rewriter) -> Replacement:
    """1 / (1 + e**-x)."""
    moved = plus(node.inputs[0])
    exp = made_by(moved.value, ops.Exp) if moved and moved.number == 1 and moved.sign == 1 else None
    minus = made_by(exp.inputs[0], ops.Neg) if exp else None
    return rewriter.add(ops.Sigmoid(), minus.inputs[0]) if minus else None


@rule(ops.Div)
def softsign(op: ops.Div, node: Node, rewriter: Rewriter) -> Replacement:
    """x / (1 + |x|)."""
    moved = plus(node.inputs[1])
    size = made_by(moved.value, ops.Abs) if moved and moved.number == 1 and moved.sign == 1 else None
    return rewriter.add(ops.Softsign(), node.inputs[0]) if size and size.inputs[0] is node.inputs[0] else None


@rule(ops.Log, ops.Log1p)
def softplus(op: ops.Log | ops.Log1p, node: Node, rewriter: Rewriter) -> Replacement:
    """log(1 + e**x), which overflows as it stands."""
    inner = node.inputs[0]
    if isinstance(op, ops.Log):
        moved = plus(inner)
        if moved is None or moved.number != 1 or moved.sign != 1:
            return None
        inner = moved.value
    exp = made_by(inner, ops.Exp)
    return rewriter.add(ops.Softplus(), exp.inputs[0]) if exp else None


def _unshifted(x: Value, axis: int) -> Value:
    """Return x if the value is x minus its maximum."""
    node = made_by(x, ops.Sub)
    top = made_by(node.inputs[1], ops.ReduceMax) if node else None
    same = node and top and top.inputs[0] is node.inputs[0] and _along(top, axis)
    return node.inputs[0] if node and same else x


def _along(reduction: Node, axis: int) -> bool:
    return axes_of(reduction) == (axis,) and bool(reduction.op.attributes()["keepdims"])


@rule(ops.Div)
def softmax(op: ops.Div, node: Node, rewriter: Rewriter) -> Replacement:
    """e**x / sum of e**x."""
    exp = made_by(node.inputs[0], ops.Exp)
    total = made_by(node.inputs[1], ops.ReduceSum)
    if exp is None or total is None or total.inputs[0] is not exp.output or len(axes_of(total)) != 1:
        return None
    (axis,) = axes_of(total)
    return rewriter.add(ops.Softmax(axis), _unshifted(exp.inputs[0], axis)) if _along(total, axis) else None


@rule(ops.Log)
def log_softmax(op: ops.Log, node: Node, rewriter: Rewriter) -> Replacement:
    """log(softmax(x)), which loses small probabilities as it stands."""
    inner = made_by(node.inputs[0], ops.Softmax)
    return rewriter.add(ops.LogSoftmax(axes_of(inner)[0]), inner.inputs[0]) if inner else None


@rule(ops.Sub)
def log_softmax_of_sum(op: ops.Sub, node: Node, rewriter: Rewriter) -> Replacement:
    """x - log(sum of e**x)."""
    x = node.inputs[0]
    log = made_by(node.inputs[1], ops.Log)
    total = made_by(log.inputs[0], ops.ReduceSum) if log else None
    exp = made_by(total.inputs[0], ops.Exp) if total else None
    if total is None or exp is None or exp.inputs[0] is not x or len(axes_of(total)) != 1:
        return None
    (axis,) = axes_of(total)
    return rewriter.add(ops.LogSoftmax(axis), _unshifted(x, axis)) if _along(total, axis) else None


@rule(ops.Mul, ops.Div)
def mean(op: ops.Mul | ops.Div, node: Node, rewriter: Rewriter) -> Replacement:
    """A sum divided by the number of its terms."""
    total = made_by(node.inputs[0], ops.ReduceSum)
    number = uniform(node.inputs[1])
    if total is None or not number or not is_single(node.inputs[0]) or node.inputs[0].type != node.output.type:
        return None
    x: Any = total.inputs[0].type
    count = math.prod(d if isinstance(d, int) else 0 for d in (x.shape[a] for a in axes_of(total)))
    share = number if isinstance(op, ops.Mul) else 1 / number
    if not count or not x.dtype.is_float or not is_close(share, 1 / count, x.dtype):
        return None
    return rewriter.add(ops.ReduceMean(axes_of(total), total.op.attributes()["keepdims"]), total.inputs[0])


PASS = RulePass(
    "recognize",
    (
        clip,
        clip_by_name,
        clip_of_clip,
        leaky_relu,
        product,
        hard_sigmoid,
        sigmoid,
        softsign,
        softplus,
        softmax,
        log_softmax,
        log_softmax_of_sum,
        mean,
    ),
)
