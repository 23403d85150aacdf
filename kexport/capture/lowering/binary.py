"""Elementwise functions of two operands, sums of many, and select."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from kexport import ops
from kexport.capture.lowering.context import Context, scalar
from kexport.capture.lowering.table import Table
from kexport.capture.not_lowered import NotLowered
from kexport.ir.graph import Node, Value
from kexport.rewrite.bounds import lower_bound, nonnegative

table = Table()
table.one_to_one({
    "Add": ops.Add, "AddV2": ops.Add, "Sub": ops.Sub, "Mul": ops.Mul, "RealDiv": ops.Div, "FloorDiv": ops.FloorDiv,
    "FloorMod": ops.Mod, "Maximum": ops.Maximum, "Atan2": ops.Atan2,
    "Pow": ops.Pow, "SquaredDifference": ops.SquaredDifference,
    "Equal": ops.Equal, "NotEqual": ops.NotEqual, "Less": ops.Less, "LessEqual": ops.LessEqual,
    "Greater": ops.Greater, "GreaterEqual": ops.GreaterEqual,
    "LogicalAnd": ops.LogicalAnd, "LogicalOr": ops.LogicalOr,
    "BitwiseAnd": ops.BitAnd, "BitwiseOr": ops.BitOr, "BitwiseXor": ops.BitXor,
    "LeftShift": ops.ShiftLeft, "RightShift": ops.ShiftRight,
})  # fmt: skip


@table.op("Minimum")
def minimum(ctx: Context, op: Any, a: Value, b: Value) -> Value:
    """The smaller of two; a number where it is known to be that, as for the length of a histogram."""
    for limit, other in ((a, b), (b, a)):
        number = scalar(limit) if a.type.rank == b.type.rank == 0 and a.type.dtype.is_int else None
        if number is not None and lower_bound(other) >= number:
            return limit
    return ctx.emit(ops.Minimum(), a, b)


@table.op("Div")
def div(ctx: Context, op: Any, a: Value, b: Value) -> Value:
    """a / b; integers are cut towards zero in TensorFlow, which is floor division where both are never negative."""
    if a.type.dtype.is_float:
        return ctx.emit(ops.Div(), a, b)
    if nonnegative(a) and nonnegative(b):
        return ctx.emit(ops.FloorDiv(), a, b)
    return _truncated(ctx, a, b)


@table.op("TruncateDiv")
def truncate_div(ctx: Context, op: Any, a: Value, b: Value) -> Value:
    """Integers divided and cut towards zero."""
    return _truncated(ctx, a, b)


@table.op("TruncateMod")
def truncate_mod(ctx: Context, op: Any, a: Value, b: Value) -> Value:
    """What a division that is cut towards zero leaves: it has the sign of a."""
    rest = ctx.emit(ops.Mod(), _size(ctx, a), _size(ctx, b))
    negative = ctx.emit(ops.Less(), a, ctx.number(0, a))
    return ctx.emit(ops.Select(), negative, ctx.emit(ops.Sub(), ctx.number(0, rest), rest), rest)


@table.op("DivNoNan")
def div_no_nan(ctx: Context, op: Any, a: Value, b: Value) -> Value:
    """a / b, and 0 where b is 0."""
    quotient = ctx.emit(ops.Div(), a, b)
    return ctx.emit(ops.Select(), _is_zero(ctx, b), ctx.number(0, a), quotient)


@table.op("MulNoNan")
def mul_no_nan(ctx: Context, op: Any, a: Value, b: Value) -> Value:
    """a * b, and 0 where b is 0."""
    return ctx.emit(ops.Select(), _is_zero(ctx, b), ctx.number(0, a), ctx.emit(ops.Mul(), a, b))


@table.op("Xlogy")
def xlogy(ctx: Context, op: Any, a: Value, b: Value) -> Value:
    """a * log(b), and 0 where a is 0."""
    product = ctx.emit(ops.Mul(), a, ctx.emit(ops.Log(), b))
    return ctx.emit(ops.Select(), _is_zero(ctx, a), ctx.number(0, a), product)


@table.op("Xlog1py")
def xlog1py(ctx: Context, op: Any, a: Value, b: Value) -> Value:
    """a * log(1 + b), and 0 where a is 0."""
    product = ctx.emit(ops.Mul(), a, ctx.emit(ops.Log1p(), b))
    return ctx.emit(ops.Select(), _is_zero(ctx, a), ctx.number(0, a), product)


@table.op("Xdivy")
def xdivy(ctx: Context, op: Any, a: Value, b: Value) -> Value:
    """a / b, and 0 where a is 0."""
    return ctx.emit(ops.Select(), _is_zero(ctx, a), ctx.number(0, a), ctx.emit(ops.Div(), a, b))


@table.op("AddN")
def add_n(ctx: Context, op: Any, *values: Value) -> Value:
    """The sum of all operands."""
    return reduce(lambda a, b: ctx.emit(ops.Add(), a, b), values)


@table.op("ClipByValue")
def clip_by_value(ctx: Context, op: Any, x: Value, low: Value, high: Value) -> Value:
    """min(max(x, low), high)."""
    return ctx.emit(ops.Minimum(), ctx.emit(ops.Maximum(), x, low), high)


@table.op("BiasAdd")
def bias_add(ctx: Context, op: Any, x: Value, bias: Value) -> Value:
    """A number for each channel added."""
    if op.get_attr("data_format") == b"NCHW":
        bias = ctx.reshape(bias, (bias.type.shape[0], *[1] * (x.type.rank - 2)))
    return ctx.emit(ops.Add(), x, bias)


@table.frame("numpy.add")
def add(ctx: Context, x1: Any, x2: Any) -> Value:
    """The bias of a channels-first convolution that is as wide as it has filters.

    Keras 3.15 takes the last axis for the channels whenever it is as long as the bias. Where BiasAdd follows Conv2D
    itself, TensorFlow's graph optimizer makes that right again, and so does `predict()`, which is what counts.
    Everywhere else (dilated, grouped, depthwise, transposed, 3-D) `predict()` is as wrong as the ops say.
    """
    bias_add = ctx.output.op
    convolution = bias_add.inputs[0].op if bias_add.type == "BiasAdd" else bias_add
    convolution = convolution.inputs[0].op if convolution.type == "Squeeze" else convolution
    if convolution.type != "Conv2D" or convolution.get_attr("data_format") != b"NCHW":
        raise NotLowered("not the bias of a channels-first convolution")
    bias = ctx.value(bias_add.inputs[1])
    return ctx.emit(ops.Add(), ctx.value(x1), ctx.reshape(bias, (bias.type.numel, *[1] * (ctx.output.shape.rank - 2))))


def add_weight(ctx: Context, x: Any, weight: Any) -> Value:
    """A weight added to what it is no larger than."""
    value = ctx.value(x)
    return ctx.emit(ops.Add(), value, ctx.value(weight, like=value))


@table.op("SelectV2")
def select_v2(ctx: Context, op: Any, cond: Value, a: Value, b: Value) -> Value:
    """a where cond, else b; not asked where the answer is known."""
    match cond.producer:
        case Node(op=ops.Less(), inputs=(index, zero)) if zero.data is not None and not np.any(zero.data):
            if nonnegative(index) and b.type.shape == cond.type.shape and a.type.rank <= b.type.rank:
                return b
    return ctx.emit(ops.Select(), cond, a, b)


@table.op("Select")
def select(ctx: Context, op: Any, cond: Value, a: Value, b: Value) -> Value:
    """a where cond, else b; a condition of rank 1 chooses rows."""
    if cond.type.rank == 1 and a.type.rank > 1:
        cond = ctx.reshape(cond, (*cond.type.shape, *[1] * (a.type.rank - 1)))
    return ctx.emit(ops.Select(), cond, a, b)


def _truncated(ctx: Context, a: Value, b: Value) -> Value:
    """The quotient of the sizes, with the sign that it should have."""
    sizes = [_size(ctx, x) for x in (a, b)]
    quotient = ctx.emit(ops.FloorDiv(), *sizes)
    for x, size in zip((a, b), sizes, strict=True):
        quotient = quotient if size is x else ctx.emit(ops.Mul(), quotient, ctx.emit(ops.Sign(), x))
    return quotient


def _size(ctx: Context, x: Value) -> Value:
    return x if nonnegative(x) else ctx.emit(ops.Abs(), x)


def _is_zero(ctx: Context, x: Value) -> Value:
    return ctx.emit(ops.Equal(), x, ctx.number(0, x))
