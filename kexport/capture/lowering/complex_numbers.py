"""Complex tensors, held as two real ones: arithmetic, and what only moves elements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kexport import ops
from kexport.capture.context import Context, Found, Pair
from kexport.capture.lowering.table import LowerOp, Result, Table
from kexport.ir.graph import Value
from kexport.ir.types import DType

table = Table()
"""Lowerings of ops that are given complex tensors."""
PARTWISE = (
    "AddV2", "Sub", "Neg", "AddN", "Sum", "Identity", "Reshape", "Transpose", "StridedSlice", "Slice", "Pack", "Unpack",
    "ConcatV2", "Split", "SplitV", "ExpandDims", "Squeeze", "GatherV2", "ReverseV2", "Tile", "BroadcastTo", "SelectV2",
    "EnsureShape", "StopGradient", "IdentityN",
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


@table.op("Square")
def square(ctx: Context, op: Any, x: Pair) -> Pair:
    """x times itself."""
    return _product(ctx, x, x)


@table.op("Conj")
def conjugate(ctx: Context, op: Any, x: Pair) -> Pair:
    """The complex conjugate."""
    return Pair(x.real, ctx.emit(ops.Neg(), x.imaginary))


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


def _product(ctx: Context, a: Pair, b: Pair) -> Pair:
    """(a + bi)(c + di)."""

    def mul(x: Value, y: Value) -> Value:
        return ctx.emit(ops.Mul(), x, y)

    real = ctx.emit(ops.Sub(), mul(a.real, b.real), mul(a.imaginary, b.imaginary))
    return Pair(real, ctx.emit(ops.Add(), mul(a.real, b.imaginary), mul(a.imaginary, b.real)))
