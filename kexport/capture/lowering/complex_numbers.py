"""Complex tensors, held as two real ones: arithmetic, and what only moves elements."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from kexport import ops
from kexport.capture.lowering.context import Context, Found, Pair
from kexport.capture.lowering.einsum import einsum
from kexport.capture.lowering.table import LowerOp, Result, Table
from kexport.capture.not_lowered import NotLowered
from kexport.ir.graph import Value
from kexport.ir.types import DType

table = Table()
"""Lowerings of ops that are given complex tensors."""
PARTWISE = (
    "AddV2", "Sub", "Neg", "AddN", "Sum", "Identity", "Reshape", "Transpose", "StridedSlice", "Slice", "Pack", "Unpack",
    "ConcatV2", "Split", "SplitV", "ExpandDims", "Squeeze", "GatherV2", "ReverseV2", "Tile", "BroadcastTo", "SelectV2",
    "EnsureShape", "StopGradient", "IdentityN", "Pad", "PadV2", "MirrorPad", "Roll", "Mean", "Cumsum", "ZerosLike",
)  # fmt: skip
"""Ops that do the same to the real and to the imaginary part."""


def with_parts(lowerings: Mapping[str, LowerOp]) -> dict[str, LowerOp]:
    """What ops do to complex tensors, from this table and from what they do to real ones."""
    return table.ops | {type: _partwise(lowerings[type]) for type in PARTWISE}


def as_pair(ctx: Context, found: Found) -> Found:
    """A complex constant as two real ones; anything else as it is."""
    if isinstance(found, Value) and found.data is not None and found.data.dtype.kind == "c":
        return Pair(ctx.constant(found.data.real), ctx.constant(found.data.imag))
    return found


def _partwise(function: LowerOp) -> LowerOp:
    def lower(ctx: Context, op: Any, *operands: Found) -> Result:
        real: Any = function(ctx, op, *(v.real if isinstance(v, Pair) else v for v in operands))
        imaginary: Any = function(ctx, op, *(v.imaginary if isinstance(v, Pair) else v for v in operands))
        return tuple(map(Pair, real, imaginary)) if isinstance(real, tuple) else Pair(real, imaginary)

    return lower


@table.op("Mul")
def multiply(ctx: Context, op: Any, a: Pair, b: Pair) -> Pair:
    """The product."""
    return _product(ctx, a, b)


@table.op("RealDiv")
def divide(ctx: Context, op: Any, a: Pair, b: Pair) -> Pair:
    """The quotient; by a number without an imaginary part that of each part."""
    if b.imaginary.data is not None and not np.any(b.imaginary.data):
        return Pair(*(ctx.emit(ops.Div(), part, b.real) for part in (a.real, a.imaginary)))
    product = _product(ctx, a, _conjugate(ctx, b))
    squares = [ctx.emit(ops.Square(), part) for part in (b.real, b.imaginary)]
    size = ctx.emit(ops.Add(), *squares)
    return Pair(*(ctx.emit(ops.Div(), part, size) for part in (product.real, product.imaginary)))


@table.op("Exp")
def exp(ctx: Context, op: Any, x: Pair) -> Pair:
    """e to a complex power."""
    length = ctx.emit(ops.Exp(), x.real)
    turns = [ctx.emit(f, x.imaginary) for f in (ops.Cos(), ops.Sin())]
    return Pair(*(ctx.emit(ops.Mul(), length, turn) for turn in turns))


@table.op("MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3")
def matmul(ctx: Context, op: Any, a: Pair, b: Pair) -> Pair:
    """The products of matrices; one that is adjoint is conjugated too."""
    if op.type == "MatMul":
        flips = op.get_attr("transpose_a"), op.get_attr("transpose_b")
    else:
        flips = op.get_attr("adj_x"), op.get_attr("adj_y")
        a, b = (_conjugate(ctx, x) if flip else x for x, flip in zip((a, b), flips, strict=True))
    return _product(ctx, a, b, lambda x, y: ctx.emit(ops.MatMul(*flips), x, y))


@table.op("Einsum")
def einsum_op(ctx: Context, op: Any, *operands: Pair) -> Pair:
    """A sum of products of one or two operands."""
    equation = op.get_attr("equation").decode()
    match operands:
        case (x,):
            return Pair(*(einsum(ctx, equation, [part]) for part in (x.real, x.imaginary)))
        case (a, b):
            return _product(ctx, a, b, lambda x, y: einsum(ctx, equation, [x, y]))
    raise NotLowered("an einsum of more than two operands")


@table.op("Square")
def square(ctx: Context, op: Any, x: Pair) -> Pair:
    """x times itself."""
    return _product(ctx, x, x)


@table.op("Conj")
def conjugate(ctx: Context, op: Any, x: Pair) -> Pair:
    """The complex conjugate."""
    return _conjugate(ctx, x)


@table.op("Real")
def real(ctx: Context, op: Any, x: Pair) -> Value:
    """The real part."""
    return x.real


@table.op("Imag")
def imaginary(ctx: Context, op: Any, x: Pair) -> Value:
    """The imaginary part."""
    return x.imaginary


@table.op("Angle")
def angle(ctx: Context, op: Any, x: Pair) -> Value:
    """The angle from the positive real numbers."""
    return ctx.emit(ops.Atan2(), x.imaginary, x.real)


@table.op("ComplexAbs")
def size(ctx: Context, op: Any, x: Pair) -> Value:
    """The absolute value."""
    squares = [ctx.emit(ops.Square(), part) for part in (x.real, x.imaginary)]
    return ctx.emit(ops.Sqrt(), ctx.emit(ops.Add(), *squares))


@table.op("Cast")
def cast(ctx: Context, op: Any, x: Pair) -> Found:
    """The real part as another element type, or the number as it is."""
    dtype = op.get_attr("DstT")
    return x if dtype.is_complex else ctx.cast(x.real, DType.of(dtype.as_numpy_dtype))


def _conjugate(ctx: Context, x: Pair) -> Pair:
    return Pair(x.real, ctx.emit(ops.Neg(), x.imaginary))


def _product(ctx: Context, a: Pair, b: Pair, multiply: Callable[[Value, Value], Value] | None = None) -> Pair:
    """(a + bi)(c + di), for any product that is linear in both operands."""

    def mul(x: Value, y: Value) -> Value:
        return multiply(x, y) if multiply else ctx.emit(ops.Mul(), x, y)

    real = ctx.emit(ops.Sub(), mul(a.real, b.real), mul(a.imaginary, b.imaginary))
    return Pair(real, ctx.emit(ops.Add(), mul(a.real, b.imaginary), mul(a.imaginary, b.real)))
