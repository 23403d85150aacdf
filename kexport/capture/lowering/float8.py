"""Floats of 8 bits, which stand between two casts only: numbers of a wider type, rounded to those that 8 bits hold."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from kexport import ops
from kexport.capture.lowering.context import Context
from kexport.ir.graph import Value
from kexport.ir.types import DType


def is_float8(dtype: Any) -> bool:
    """Whether a TensorFlow dtype is a float of 8 bits."""
    return dtype.name.startswith("float8")


def rounded(ctx: Context, x: Value, dtype: Any) -> Value:
    """x on the grid of a float type of 8 bits, half to even; the caller has clipped x to its range.

    The step of the grid doubles at each power of two. It is looked up, not computed: a logarithm may be off by a
    rounding, and is then off by a whole step.
    """
    if x.data is not None:
        return ctx.constant(x.data.astype(dtype.as_numpy_dtype).astype(x.data.dtype), x.name)
    info = ml_dtypes.finfo(dtype.as_numpy_dtype)
    exponents = np.arange(int(info.minexp), int(info.maxexp) + 1)
    wide = ctx.cast(x, DType.F32)
    bounds = ctx.constant(np.exp2(exponents[1:]).astype(np.float32))
    steps = ctx.constant(np.exp2(exponents - int(info.nmant)).astype(np.float32))
    size = ctx.reshape(ctx.emit(ops.Abs(), wide), (*x.type.shape, 1))
    above = ctx.cast(ctx.emit(ops.GreaterEqual(), size, bounds), DType.I32)
    step = ctx.emit(ops.Gather(0), steps, ctx.emit(ops.ReduceSum((x.type.rank,)), above))
    return ctx.cast(ctx.emit(ops.Mul(), ctx.emit(ops.Round(), ctx.emit(ops.Div(), wide, step)), step), x.type.dtype)
