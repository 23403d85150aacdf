"""Matrix products."""

from __future__ import annotations

from typing import Any

from kexport import ops
from kexport.capture.lowering.context import Context
from kexport.capture.lowering.table import Table
from kexport.capture.not_lowered import NotLowered
from kexport.ir.graph import Value

table = Table()


@table.op("MatMul")
def matmul(ctx: Context, op: Any, a: Value, b: Value) -> Value:
    """The product of two matrices."""
    return ctx.emit(ops.MatMul(op.get_attr("transpose_a"), op.get_attr("transpose_b")), a, b)


@table.op("BatchMatMul", "BatchMatMulV2", "BatchMatMulV3")
def batch_matmul(ctx: Context, op: Any, a: Value, b: Value) -> Value:
    """The products of two batches of matrices; small integers are summed in the type of the result."""
    op_ = ops.MatMul(op.get_attr("adj_x"), op.get_attr("adj_y"))
    return ctx.emit(op_, ctx.cast(a, ctx.dtype), ctx.cast(b, ctx.dtype))


@table.frame("numpy.matmul")
def matmul_call(ctx: Context, x1: Any, x2: Any) -> Value:
    """numpy's matmul, which TensorFlow makes reshapes of."""
    a = ctx.value(x1)
    b = ctx.value(x2)
    dtype = ctx.dtype
    if not dtype.is_float or not (a.type.dtype.is_float and b.type.dtype.is_float):
        raise NotLowered("a product of integers")
    return product(ctx, ctx.cast(a, dtype), ctx.cast(b, dtype))


def product(ctx: Context, a: Value, b: Value) -> Value:
    """numpy's matmul: an operand of rank 1 is a row, or a column, and gives no axis."""
    row = a.type.rank == 1
    column = b.type.rank == 1
    a = ctx.reshape(a, (1, *a.type.shape)) if row else a
    b = ctx.reshape(b, (*b.type.shape, 1)) if column else b
    y = ctx.emit(ops.MatMul(), a, b)
    shape = list(y.type.shape)
    if column:
        del shape[-1]
    if row:
        del shape[-1 if column else -2]
    return ctx.reshape(y, shape)
