"""Special functions: the inverse of erf, Bessel functions, the sign bit, the next number."""

from __future__ import annotations

from typing import Any

import numpy as np

from kexport import ops
from kexport.capture.lowering.arithmetic import Arithmetic
from kexport.capture.lowering.context import Context
from kexport.capture.lowering.table import Table
from kexport.capture.not_lowered import NotLowered
from kexport.ir.graph import Value
from kexport.ir.types import DType

table = Table()

_CENTRE = (
    2.81022636e-08,
    3.43273939e-07,
    -3.5233877e-06,
    -4.39150654e-06,
    0.00021858087,
    -0.00125372503,
    -0.00417768164,
    0.246640727,
    1.50140941,
)
_TAIL = (
    -0.000200214257,
    0.000100950558,
    0.00134934322,
    -0.00367342844,
    0.00573950773,
    -0.0076224613,
    0.00943887047,
    1.00167406,
    2.83297682,
)
"""erfinv(x) / x in -log(1 - x * x), by M. Giles, "Approximating the erfinv function" (2010), single precision."""
_NODES = 128
"""Of the trapezoid rule for Bessel functions: its error is below float64's as long as the result is a float32."""


@table.op("Erfinv")
def erfinv(ctx: Context, op: Any, x: Value) -> Value:
    """The number whose erf is x."""
    y = Arithmetic(ctx, x)
    w = -(-(y * y)).apply(ops.Log1p())
    centre = (w - 2.5).polynomial(_CENTRE)
    tail = (w.apply(ops.Maximum(), 5.0).apply(ops.Sqrt()) - 3).polynomial(_TAIL)
    inside = (w < 5).select(centre, tail) * y
    return y.apply(ops.Abs()).equals(1).select(y * np.inf, inside).value


@table.op("BesselI0", "BesselI0e")
def bessel_i0(ctx: Context, op: Any, x: Value) -> Value:
    """The mean of e^(x cos t) over a circle, divided by e^|x| for BesselI0e: the trapezoid rule, which for a function
    with a period errs by no more than I_n(x) of the next n."""
    size = Arithmetic(ctx, ctx.emit(ops.Abs(), x))
    angle = np.pi * np.arange(_NODES // 2 + 1) / (_NODES // 2)
    weight = np.where(np.arange(_NODES // 2 + 1) % (_NODES // 2) == 0, 1, 2) / _NODES
    dtype = x.type.dtype.numpy
    column = ctx.reshape(size.value, (*x.type.shape, 1))
    below = ctx.emit(ops.Mul(), column, ctx.constant((np.cos(angle) - 1).astype(dtype)))
    weighed = ctx.emit(ops.Mul(), ctx.emit(ops.Exp(), below), ctx.constant(weight.astype(dtype)))
    scaled = Arithmetic(ctx, ctx.emit(ops.ReduceSum((x.type.rank,)), weighed))
    root = (size * 0.5).apply(ops.Exp())
    return (scaled * root * root).value if op.type == "BesselI0" else scaled.value


@table.frame("numpy.signbit")
def signbit(ctx: Context, x: Any) -> Value:
    """Whether a number is negative, or -0."""
    value = ctx.value(x)
    if not value.type.dtype.is_float:
        raise NotLowered("integers have no negative zero")
    y = Arithmetic(ctx, value)
    negative_zero = y.equals(0) & (y.apply(ops.Reciprocal()) < 0)
    return ctx.emit(ops.LogicalOr(), (y < 0).value, negative_zero.value)


@table.frame("numpy.nextafter")
def nextafter(ctx: Context, x1: Any, x2: Any) -> Value:
    """What is left of x1's neighbour in float64 when Keras rounds it to a narrower type: x1, or NaN."""
    if ctx.dtype is DType.F64:
        raise NotLowered("the neighbour of a float64")
    a, b = (ctx.value(x) for x in (x1, x2))
    a = ctx.cast(a, ctx.dtype)
    b = ctx.cast(b, ctx.dtype)
    a = ctx.broadcast(a, ops.Add().infer(a.type, b.type).shape)
    return ctx.emit(ops.Select(), ctx.emit(ops.IsNan(), b), b, a)
