"""Creates tensors: constants, shapes, fills and ranges."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from kexport import ops
from kexport.capture.lowering.context import Context, Found, Pair, decide, scalar
from kexport.capture.lowering.table import Table
from kexport.capture.not_lowered import NotLowered
from kexport.capture.weights import as_text
from kexport.ir.dim import Dim, dim_max
from kexport.ir.graph import Node, Value
from kexport.ir.types import DType
from kexport.ops.broadcast import broadcast_shapes

table = Table()


@table.op("Const")
def const(ctx: Context, op: Any) -> Found:
    """A constant."""
    data = as_text(tf.make_ndarray(op.get_attr("value")))
    return Pair(ctx.constant(data.real), ctx.constant(data.imag)) if data.dtype.kind == "c" else ctx.constant(data)


@table.op("ReadVariableOp")
def read_variable(ctx: Context, op: Any, handle: Any) -> Value:
    """The value of a variable."""
    return ctx.value(handle)


@table.op("Shape")
def shape(ctx: Context, op: Any, x: Value) -> Value:
    """The sizes of a tensor."""
    return ctx.sizes(x.type.shape, _dtype(op, "out_type"))


@table.op("ShapeN")
def shape_n(ctx: Context, op: Any, *values: Value) -> tuple[Value, ...]:
    """The sizes of several tensors."""
    return tuple(ctx.sizes(x.type.shape, _dtype(op, "out_type")) for x in values)


@table.op("Size")
def size(ctx: Context, op: Any, x: Value) -> Value:
    """The number of elements."""
    return ctx.sizes([x.type.numel], _dtype(op, "out_type"), rank=0)


@table.op("Rank")
def rank(ctx: Context, op: Any, x: Value) -> Value:
    """The number of axes."""
    return ctx.constant(np.array(x.type.rank, np.int32))


@table.op("BroadcastArgs")
def broadcast_args(ctx: Context, op: Any, a: Value, b: Value) -> Value:
    """The shape that two shapes are broadcast to."""
    return ctx.sizes(broadcast_shapes(ctx.dims(a), ctx.dims(b)), a.type.dtype)


@table.op("BroadcastGradientArgs")
def broadcast_gradient_args(ctx: Context, op: Any, a: Value, b: Value) -> tuple[Value, Value]:
    """The axes of two shapes along which each is broadcast to the other; an open size is not taken for 1."""
    shapes = [ctx.dims(a), ctx.dims(b)]
    broadcast_shapes(*shapes)
    rank = max(map(len, shapes))
    padded = [(*[1] * (rank - len(shape)), *shape) for shape in shapes]
    first, second = (np.array([i for i, d in enumerate(s) if d == 1], a.type.dtype.numpy) for s in padded)
    return ctx.constant(first), ctx.constant(second)


@table.op("Fill")
def fill(ctx: Context, op: Any, sizes: Value, value: Value) -> Value:
    """One value everywhere."""
    number = scalar(value)
    if number is None or value.type.dtype is DType.STRING:
        return ctx.broadcast(value, ctx.dims(sizes))
    return ctx.full(ctx.dims(sizes), number, value.type.dtype)


@table.op("ZerosLike")
def zeros_like(ctx: Context, op: Any, x: Value) -> Value:
    """Zeros in the shape of x."""
    return ctx.full(x.type.shape, 0, x.type.dtype)


@table.op("OnesLike")
def ones_like(ctx: Context, op: Any, x: Value) -> Value:
    """Ones in the shape of x."""
    return ctx.full(x.type.shape, 1, x.type.dtype)


@table.op("Empty")
def empty(ctx: Context, op: Any, sizes: Value) -> Value:
    """Zeros, where TensorFlow leaves the content open."""
    return ctx.full(ctx.dims(sizes), 0, ctx.dtype)


@table.op("Range")
def range_(ctx: Context, op: Any, start: Value, limit: Value, delta: Value) -> Value:
    """start, start + delta, … up to but without limit."""
    dtype = ctx.dtype
    numbers = [scalar(v) for v in (start, limit, delta)]
    if None not in numbers:
        return ctx.constant(np.arange(*(v.data for v in (start, limit, delta)), dtype=dtype.numpy))  # type: ignore[arg-type]
    (first,), (last,), (step,) = (_whole(ctx, v) for v in (start, limit, delta))
    if not isinstance(step, int) or step == 0:
        raise NotLowered("the step of a range depends on the input size")
    span = last - first if step > 0 else first - last
    length: Dim = (span + (abs(step) - 1)) // abs(step)
    length = length if decide(lambda: length >= 0, default=True) else dim_max(length, 0)
    if isinstance(first, int):
        return ctx.emit(ops.Iota(length, dtype, first, step))
    offsets = ctx.emit(ops.Iota(length, dtype, 0, step))
    return ctx.emit(ops.Add(), offsets, ctx.cast(ctx.sizes([first], rank=0), dtype))


@table.op("LinSpace")
def linspace(ctx: Context, op: Any, start: Value, stop: Value, num: Value) -> Value:
    """Evenly spaced numbers, both ends included."""
    (count,) = ctx.dims(num)
    first = scalar(start)
    last = scalar(stop)
    if not isinstance(count, int) or first is None or last is None:
        raise NotLowered("the numbers depend on the input")
    return ctx.constant(np.linspace(first, last, count, dtype=start.type.dtype.numpy))


def _whole(ctx: Context, value: Value) -> tuple[Dim, ...]:
    """A scalar as a dim, also where it was cast to a float."""
    number = scalar(value)
    if isinstance(number, float) and number.is_integer():
        return (int(number),)
    match value.producer:
        case Node(op=ops.Cast(), inputs=(Value() as source,)) if source.type.dtype.is_int:
            return ctx.dims(source)
    return ctx.dims(value)


def _dtype(op: Any, name: str) -> DType:
    return DType.of(op.get_attr(name).as_numpy_dtype)
