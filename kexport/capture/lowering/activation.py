"""Activation functions, from Keras' calls where those say more than the TensorFlow ops."""

from __future__ import annotations

from typing import Any

from kexport import ops
from kexport.capture.lowering.context import Context
from kexport.capture.lowering.table import Table
from kexport.capture.not_lowered import NotLowered
from kexport.ir.graph import Value
from kexport.ir.op import Op

table = Table()
table.one_to_one(
    {
        "Relu": ops.Relu,
        "Relu6": ops.Relu6,
        "Selu": ops.Selu,
        "Sigmoid": ops.Sigmoid,
        "Softplus": ops.Softplus,
        "Softsign": ops.Softsign,
        "Tanh": ops.Tanh,
        "Elu": ops.Elu,
    }
)

SIMPLE: dict[str, Op] = {
    "nn.silu": ops.Silu(),
    "nn.hard_sigmoid": ops.HardSigmoid(),
    "nn.hard_silu": ops.HardSilu(),
    "nn.hard_tanh": ops.Clip(-1.0, 1.0),
}
"""Calls with one operand, of which the result has the type."""


def _enter_simple(label: str, op: Op) -> None:
    @table.frame(label)
    def lower(ctx: Context, x: Any) -> Value:
        return ctx.emit(op, _float(ctx, x))


for _label, _op in SIMPLE.items():
    _enter_simple(_label, _op)


@table.op("LeakyRelu")
def leaky_relu(ctx: Context, op: Any, x: Value) -> Value:
    """x where x >= 0, else alpha * x."""
    return ctx.emit(ops.LeakyRelu(op.get_attr("alpha")), x)


@table.frame("nn.leaky_relu")
def leaky_relu_call(ctx: Context, x: Any, negative_slope: Any) -> Value:
    """x where x >= 0, else alpha * x; alpha as given, not rounded to float32."""
    return ctx.emit(ops.LeakyRelu(_number(negative_slope)), _float(ctx, x))


@table.frame("nn.elu")
def elu(ctx: Context, x: Any, alpha: Any) -> Value:
    """x where x > 0, else alpha * (e**x - 1)."""
    return ctx.emit(ops.Elu(_number(alpha)), _float(ctx, x))


@table.frame("nn.celu")
def celu(ctx: Context, x: Any, alpha: Any) -> Value:
    """max(x, 0) + alpha * (e**(min(x, 0) / alpha) - 1)."""
    if _number(alpha) <= 0:
        raise NotLowered("alpha is not positive")
    return ctx.emit(ops.Celu(_number(alpha)), _float(ctx, x))


@table.frame("nn.gelu")
def gelu(ctx: Context, x: Any, approximate: Any) -> Value:
    """x times the normal distribution function, exact or by tanh."""
    return ctx.emit(ops.Gelu(bool(approximate)), _float(ctx, x))


@table.frame("nn.threshold")
def threshold(ctx: Context, x: Any, threshold: Any, default_value: Any) -> Value:
    """x where it is above the threshold, else the default."""
    return ctx.emit(ops.Threshold(_number(threshold), _number(default_value)), _float(ctx, x))


@table.frame("layer.PReLU", "layer2.PReLU")
def prelu(ctx: Context, layer: Any, inputs: Any, **_: Any) -> Value:
    """x where x >= 0, else alpha * x."""
    x = _float(ctx, inputs)
    return ctx.emit(ops.Prelu(), x, ctx.value(layer.alpha, like=x))


def _float(ctx: Context, x: Any) -> Value:
    value = ctx.value(x)
    if not value.type.dtype.is_float:
        raise NotLowered("only for floats")
    return value


def _number(x: Any) -> float:
    if isinstance(x, (int, float)):
        return float(x)
    raise NotLowered("a parameter is a tensor")
