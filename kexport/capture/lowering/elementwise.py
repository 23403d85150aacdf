"""Elementwise functions of one operand, casts, and ops that only pass a tensor on."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from kexport import ops
from kexport.capture.lowering.context import Context, Found, Pair
from kexport.capture.lowering.float8 import is_float8, rounded
from kexport.capture.lowering.float_sizes import whole_quotient
from kexport.capture.lowering.table import Table
from kexport.capture.not_lowered import NotLowered
from kexport.ir.graph import Value
from kexport.ir.types import DType

table = Table()
table.one_to_one({
    "Abs": ops.Abs, "Acos": ops.Acos, "Acosh": ops.Acosh, "Asin": ops.Asin, "Asinh": ops.Asinh, "Atan": ops.Atan,
    "Atanh": ops.Atanh, "Ceil": ops.Ceil, "Cos": ops.Cos, "Cosh": ops.Cosh, "Erf": ops.Erf, "Exp": ops.Exp,
    "Expm1": ops.Expm1, "Floor": ops.Floor, "Inv": ops.Reciprocal, "Invert": ops.BitNot, "IsFinite": ops.IsFinite,
    "IsInf": ops.IsInf, "IsNan": ops.IsNan, "Log": ops.Log, "Log1p": ops.Log1p, "LogicalNot": ops.LogicalNot,
    "Neg": ops.Neg, "Reciprocal": ops.Reciprocal, "Rint": ops.Round, "Rsqrt": ops.Rsqrt, "Sign": ops.Sign,
    "Sin": ops.Sin, "Sinh": ops.Sinh, "Sqrt": ops.Sqrt, "Square": ops.Square, "Tan": ops.Tan,
})  # fmt: skip


@table.op(
    "Identity",
    "StopGradient",
    "PreventGradient",
    "Snapshot",
    "CheckNumerics",
    "PlaceholderWithDefault",
    "DebugIdentityV2",
)
def identity(ctx: Context, op: Any, x: Value, *_: Value) -> Value:
    """A tensor passed on."""
    return x


@table.op("IdentityN")
def identity_n(ctx: Context, op: Any, *values: Value) -> tuple[Value, ...]:
    """Several tensors passed on."""
    return values


@table.op("EnsureShape")
def ensure_shape(ctx: Context, op: Any, x: Value) -> Value:
    """A tensor passed on; sizes that only the annotation knows are taken from it."""
    wanted = tf.TensorShape(op.get_attr("shape"))
    if wanted.rank is None:
        return x
    return ctx.reshape(x, [d if w is None else w for d, w in zip(x.type.shape, wanted.as_list(), strict=True)])


@table.op("Cast")
def cast(ctx: Context, op: Any, x: Value) -> Found:
    """Another element type."""
    dtype = op.get_attr("DstT")
    if dtype.is_complex:
        part = ctx.cast(x, DType.of(dtype.real_dtype.as_numpy_dtype))
        return Pair(part, ctx.full(part.type.shape, 0, part.type.dtype))
    if dtype.is_integer and x.type.dtype.is_float and x.type.rank <= 1 and (sizes := whole_quotient(x)):
        return ctx.sizes(sizes, DType.of(dtype.as_numpy_dtype), x.type.rank)
    return rounded(ctx, x, dtype) if is_float8(dtype) else ctx.cast(x, DType.of(dtype.as_numpy_dtype))


@table.op("Erfc")
def erfc(ctx: Context, op: Any, x: Value) -> Value:
    """1 - erf(x)."""
    return ctx.emit(ops.Sub(), ctx.number(1, x), ctx.emit(ops.Erf(), x))


@table.op("Round")
def round_half_even(ctx: Context, op: Any, x: Value) -> Value:
    """The nearest integer; integers stay."""
    return x if x.type.dtype.is_int else ctx.emit(ops.Round(), x)


@table.op("Bitcast")
def bitcast(ctx: Context, op: Any, x: Value) -> Value:
    """The same bits as another element type: only of constants, and of integers of the same width."""
    dtype = DType.of(op.get_attr("type").as_numpy_dtype)
    if x.data is not None and x.type.dtype.numpy.itemsize == dtype.numpy.itemsize:
        return ctx.constant(np.ascontiguousarray(x.data).view(dtype.numpy).reshape(x.data.shape))
    if x.type.dtype.is_int and dtype.is_int and x.type.dtype.numpy.itemsize == dtype.numpy.itemsize:
        return ctx.cast(x, dtype)
    raise NotLowered("the bits of floats cannot be looked at in the exported formats; make them an input")
