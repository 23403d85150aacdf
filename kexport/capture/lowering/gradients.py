"""Gradients of activations, for models that compute one: energies, forces, fields."""

from __future__ import annotations

from typing import Any

from kexport import ops
from kexport.capture.lowering.context import Context
from kexport.capture.lowering.table import Table
from kexport.ir.graph import Value

table = Table()


@table.op("TanhGrad")
def tanh_grad(ctx: Context, op: Any, y: Value, dy: Value) -> Value:
    """(1 - y*y) * dy of a result y."""
    slope = ctx.emit(ops.Sub(), ctx.number(1, y), ctx.emit(ops.Square(), y))
    return ctx.emit(ops.Mul(), slope, dy)


@table.op("SigmoidGrad")
def sigmoid_grad(ctx: Context, op: Any, y: Value, dy: Value) -> Value:
    """y * (1 - y) * dy of a result y."""
    slope = ctx.emit(ops.Mul(), y, ctx.emit(ops.Sub(), ctx.number(1, y), y))
    return ctx.emit(ops.Mul(), slope, dy)


@table.op("ReluGrad")
def relu_grad(ctx: Context, op: Any, dy: Value, x: Value) -> Value:
    """dy where x is above 0."""
    zero = ctx.number(0, x)
    return ctx.emit(ops.Select(), ctx.emit(ops.Greater(), x, zero), dy, zero)


@table.op("LeakyReluGrad")
def leaky_relu_grad(ctx: Context, op: Any, dy: Value, x: Value) -> Value:
    """dy where x is above 0, a part of it elsewhere."""
    part = ctx.emit(ops.Mul(), dy, ctx.number(op.get_attr("alpha"), dy))
    return ctx.emit(ops.Select(), ctx.emit(ops.Greater(), x, ctx.number(0, x)), dy, part)


@table.op("EluGrad")
def elu_grad(ctx: Context, op: Any, dy: Value, y: Value) -> Value:
    """dy where the result y is not below 0, (y + 1) * dy elsewhere."""
    below = ctx.emit(ops.Mul(), dy, ctx.emit(ops.Add(), y, ctx.number(1, y)))
    return ctx.emit(ops.Select(), ctx.emit(ops.Less(), y, ctx.number(0, y)), below, dy)


@table.op("SoftplusGrad")
def softplus_grad(ctx: Context, op: Any, dy: Value, x: Value) -> Value:
    """dy * sigmoid(x)."""
    return ctx.emit(ops.Mul(), dy, ctx.emit(ops.Sigmoid(), x))
