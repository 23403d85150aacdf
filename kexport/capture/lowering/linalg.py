"""Linear algebra on small matrices, written out step by step: determinants, solutions, inverses, Cholesky's form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from kexport import ops
from kexport.capture.lowering.constant_ops import evaluate_op
from kexport.capture.lowering.context import Context
from kexport.capture.lowering.table import Result, Table
from kexport.capture.not_lowered import NotLowered
from kexport.ir.dim import Dim, product
from kexport.ir.graph import Value
from kexport.ops.broadcast import broadcast_shapes

table = Table()
LARGEST = 16
"""The most rows of a matrix whose elimination is unrolled."""


def _entered(*types: str) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Decorator: register a lowering; with operands known at capture, TensorFlow computes the result."""

    def enter(function: Callable[..., Result]) -> Callable[..., Result]:
        @table.op(*types)
        def lower(ctx: Context, op: Any, *operands: Value) -> Result:
            data = [v.data for v in operands if v.data is not None]
            if len(data) == len(operands):
                return tuple(map(ctx.constant, evaluate_op(op, data)))
            return function(ctx, op, *operands)

        return lower

    return enter


@_entered("MatrixDeterminant")
def determinant(ctx: Context, op: Any, a: Value) -> Value:
    """The product of the pivots."""
    flat, lead, _ = _flattened(ctx, a)
    pivots, signs = _pivots(ctx, flat)
    return ctx.reshape(ctx.emit(ops.Mul(), _product(ctx, pivots), signs), lead)


@_entered("LogMatrixDeterminant")
def log_determinant(ctx: Context, op: Any, a: Value) -> tuple[Value, Value]:
    """The sign of the determinant, and the logarithm of its size."""
    flat, lead, _ = _flattened(ctx, a)
    pivots, signs = _pivots(ctx, flat)
    sign = ctx.emit(ops.Mul(), _product(ctx, ctx.emit(ops.Sign(), pivots)), signs)
    logs = ctx.emit(ops.ReduceSum((1,)), ctx.emit(ops.Log(), ctx.emit(ops.Abs(), pivots)))
    return ctx.reshape(sign, lead), ctx.reshape(logs, lead)


@_entered("MatrixInverse")
def inverse(ctx: Context, op: Any, a: Value) -> Value:
    """The solution for the columns of the identity."""
    flat, lead, size = _flattened(ctx, a)
    flat = ctx.transpose(flat, (0, 2, 1)) if op.get_attr("adjoint") else flat
    identity = ctx.broadcast(ctx.constant(np.eye(size, dtype=a.type.dtype.numpy)), flat.type.shape)
    return ctx.reshape(_solution(ctx, flat, identity), (*lead, size, size))


@_entered("MatrixSolve")
def solve(ctx: Context, op: Any, a: Value, b: Value) -> Value:
    """x such that a x = b."""
    flat, lead, size = _flattened(ctx, a)
    flat = ctx.transpose(flat, (0, 2, 1)) if op.get_attr("adjoint") else flat
    width = b.type.shape[-1]
    return ctx.reshape(_solution(ctx, flat, ctx.reshape(b, (product(lead), size, width))), (*lead, size, width))


@_entered("MatrixTriangularSolve")
def solve_triangular(ctx: Context, op: Any, a: Value, b: Value) -> Value:
    """x such that a x = b, of a matrix that is zero above or below its diagonal."""
    lead = broadcast_shapes(a.type.shape[:-2], b.type.shape[:-2])
    width = b.type.shape[-1]
    flat, _, size = _flattened(ctx, ctx.broadcast(a, (*lead, *a.type.shape[-2:])))
    b = ctx.reshape(ctx.broadcast(b, (*lead, size, width)), (product(lead), size, width))
    lower = bool(op.get_attr("lower"))
    adjoint = bool(op.get_attr("adjoint"))
    flat = ctx.transpose(flat, (0, 2, 1)) if adjoint else flat
    order = range(size) if lower != adjoint else range(size - 1, -1, -1)
    rows: dict[int, Value] = {}
    for k in order:
        known = range(k) if order.step > 0 else range(k + 1, size)
        row = _block(ctx, flat, (k, k + 1), (known.start, known.stop))
        corner = _block(ctx, flat, (k, k + 1), (k, k + 1))
        right = _block(ctx, b, (k, k + 1), (0, width))
        rows[k] = _row(ctx, row, corner, right, [rows[i] for i in known])
    return ctx.reshape(_stacked(ctx, [rows[i] for i in range(size)]), (*lead, size, width))


@_entered("Cholesky")
def cholesky(ctx: Context, op: Any, a: Value) -> Value:
    """The lower triangular matrix that gives a when multiplied by its transpose."""
    rest, lead, size = _flattened(ctx, a)
    columns: list[Value] = []
    for k in range(size):
        left = size - k
        root = ctx.emit(ops.Sqrt(), _block(ctx, rest, (0, 1), (0, 1)))
        column = ctx.emit(ops.Div(), _block(ctx, rest, (0, left), (0, 1)), root)
        columns.append(ctx.emit(ops.Pad(((0, 0), (k, 0), (0, 0))), column) if k else column)
        if left > 1:
            below = _block(ctx, column, (1, left), (0, 1))
            outer = ctx.emit(ops.Mul(), below, ctx.transpose(below, (0, 2, 1)))
            rest = ctx.emit(ops.Sub(), _block(ctx, rest, (1, left), (1, left)), outer)
    joined = columns[0] if size == 1 else ctx.emit(ops.Concat(2), *columns)
    return ctx.reshape(joined, (*lead, size, size))


class _Step(NamedTuple):
    """One step of Gauss' elimination: the row of the pivot, from the pivot on; whether it was another than the first;
    and the rows below it, with nothing left in the pivot's column."""

    row: Value
    swapped: Value
    rest: Value | None


def _step(ctx: Context, a: Value) -> _Step:
    """Eliminate the first column, with the greatest of its numbers as pivot."""
    _, height, width = a.type.shape
    column = _block(ctx, a, (0, height), (0, 1))
    if height == 1:
        return _Step(a, ctx.full((a.type.shape[0],), 0, a.type.dtype), None)
    sizes = ctx.emit(ops.Abs(), ctx.reshape(column, column.type.shape[:2]))
    at = ctx.emit(ops.ArgMax(1), sizes)
    hot = ctx.emit(ops.Equal(), ctx.emit(ops.Iota(height, at.type.dtype)), ctx.reshape(at, (at.type.shape[0], 1)))
    hot = ctx.reshape(hot, (*hot.type.shape, 1))
    picked = ctx.emit(ops.Select(), hot, a, ctx.number(0, a))
    row = ctx.emit(ops.ReduceSum((1,), True), picked)
    first = _block(ctx, a, (0, 1), (0, width))
    others = _block(ctx, ctx.emit(ops.Select(), hot, first, a), (1, height), (0, width))
    swapped = ctx.cast(ctx.emit(ops.Greater(), at, ctx.number(0, at)), a.type.dtype)
    pivot = _block(ctx, row, (0, 1), (0, 1))
    is_zero = ctx.emit(ops.Equal(), pivot, ctx.number(0, pivot))
    divisor = ctx.emit(ops.Select(), is_zero, ctx.number(1, pivot), pivot)
    factor = ctx.emit(ops.Div(), _block(ctx, others, (0, height - 1), (0, 1)), divisor)
    taken = ctx.emit(ops.Mul(), factor, _block(ctx, row, (0, 1), (1, width)))
    return _Step(row, swapped, ctx.emit(ops.Sub(), _block(ctx, others, (0, height - 1), (1, width)), taken))


def _steps(ctx: Context, a: Value) -> list[_Step]:
    steps = [_step(ctx, a)]
    while (rest := steps[-1].rest) is not None:
        steps.append(_step(ctx, rest))
    return steps


def _pivots(ctx: Context, a: Value) -> tuple[Value, Value]:
    """The pivots of each matrix, and -1 to the power of how often rows were swapped."""
    steps = _steps(ctx, a)
    pivots = [_block(ctx, s.row, (0, 1), (0, 1)) for s in steps]
    joined = _stacked(ctx, pivots)
    flags = _stacked(ctx, [ctx.reshape(s.swapped, (*s.swapped.type.shape, 1, 1)) for s in steps])
    signs = ctx.emit(ops.Sub(), ctx.number(1, flags), ctx.emit(ops.Mul(), flags, ctx.number(2, flags)))
    shape = joined.type.shape[:2]
    return ctx.reshape(joined, shape), _product(ctx, ctx.reshape(signs, shape))


def _solution(ctx: Context, a: Value, b: Value) -> Value:
    """Elimination of a beside b, and the rows of the result from the last one up."""
    size = int(a.type.shape[1])  # type: ignore[arg-type]
    width = b.type.shape[2]
    found: list[Value] = []
    for k, step in reversed(list(enumerate(_steps(ctx, ctx.emit(ops.Concat(2), a, b))))):
        left = size - k
        corner = _block(ctx, step.row, (0, 1), (0, 1))
        row = _block(ctx, step.row, (0, 1), (1, left))
        found.insert(0, _row(ctx, row, corner, _block(ctx, step.row, (0, 1), (left, left + width)), found))
    return _stacked(ctx, found)


def _row(ctx: Context, row: Value, corner: Value, right: Value, known: list[Value]) -> Value:
    """One row of a solution from those that are known: (right - row @ known) / corner."""
    if known:
        right = ctx.emit(ops.Sub(), right, ctx.emit(ops.MatMul(), row, _stacked(ctx, known)))
    return ctx.emit(ops.Div(), right, corner)


def _stacked(ctx: Context, rows: list[Value]) -> Value:
    return rows[0] if len(rows) == 1 else ctx.emit(ops.Concat(1), *rows)


def _product(ctx: Context, x: Value) -> Value:
    return ctx.emit(ops.ReduceProd((1,)), x)


def _block(ctx: Context, x: Value, rows: tuple[Dim, Dim], columns: tuple[Dim, Dim]) -> Value:
    """Rows and columns from the first to before the second number."""
    batch = x.type.shape[0]
    if (*rows, *columns) == (0, x.type.shape[1], 0, x.type.shape[2]):
        return x
    return ctx.emit(ops.Slice((0, rows[0], columns[0]), (batch, rows[1], columns[1]), (1, 1, 1)), x)


def _flattened(ctx: Context, a: Value) -> tuple[Value, tuple[Dim, ...], int]:
    """[batch, n, n] of [..., n, n], the leading sizes, and n.

    Raises:
        NotLowered: n is not known, or too large.
    """
    *lead, size, _ = a.type.shape
    if not isinstance(size, int) or not 1 <= size <= LARGEST:
        of = f"{size} x {size}" if isinstance(size, int) else "no fixed size"
        raise NotLowered(
            f"linear algebra on matrices of {of}: it is written out up to {LARGEST} rows; compute it around the model, "
            "and make its result an input"
        )
    return ctx.reshape(a, (product(lead), size, size)), tuple(lead), size
