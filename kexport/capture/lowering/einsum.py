"""Einsum and tensordot, as one matrix product between transposes and reshapes."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

from kexport import ops
from kexport.capture.lowering.context import Context
from kexport.capture.lowering.matrix import diagonal
from kexport.capture.lowering.table import Table
from kexport.capture.not_lowered import NotLowered
from kexport.ir.dim import Dim, product
from kexport.ir.graph import Value

table = Table()


@table.op("Einsum")
def einsum_op(ctx: Context, op: Any, *operands: Value) -> Value:
    """A sum of products of one or two operands."""
    return einsum(ctx, op.get_attr("equation").decode(), list(operands))


@table.frame("numpy.einsum")
def einsum_call(ctx: Context, subscripts: str, operands: Any, kwargs: Any) -> Value:
    """A sum of products, from the equation as it was written."""
    values = [ctx.value(x) for x in operands]
    if kwargs or not ctx.dtype.is_float or not all(v.type.dtype.is_float for v in values):
        raise NotLowered("an einsum with options, or of integers")
    return einsum(ctx, subscripts, [ctx.cast(v, ctx.dtype) for v in values])


@table.frame("numpy.tensordot")
def tensordot_call(ctx: Context, x1: Any, x2: Any, axes: Any) -> Value:
    """A product summed over pairs of axes."""
    a = ctx.value(x1)
    b = ctx.value(x2)
    if not ctx.dtype.is_float or not (a.type.dtype.is_float and b.type.dtype.is_float):
        raise NotLowered("a product of integers")
    first, second = _summed_axes(axes, a.type.rank, b.type.rank)
    letters = iter(string.ascii_letters)
    left = [next(letters) for _ in range(a.type.rank)]
    right = [left[first[second.index(i)]] if i in second else next(letters) for i in range(b.type.rank)]
    out = [c for i, c in enumerate(left) if i not in first] + [c for i, c in enumerate(right) if i not in second]
    return contract(ctx, "".join(left), "".join(right), "".join(out), ctx.cast(a, ctx.dtype), ctx.cast(b, ctx.dtype))


def einsum(ctx: Context, equation: str, operands: Sequence[Value]) -> Value:
    """A sum of products; of an operand's letter that stands there twice only the diagonal is read."""
    labelled, out = _parse(equation, [v.type.rank for v in operands])
    pairs = _spread(ctx, [_plain(ctx, labels, x) for labels, x in zip(labelled, operands, strict=True)])
    inputs = [labels for labels, _ in pairs]
    operands = [x for _, x in pairs]
    if len(operands) == 1:
        return _single(ctx, inputs[0], out, operands[0])
    if len(operands) != 2:
        raise NotLowered("an einsum of more than two operands")
    return contract(ctx, inputs[0], inputs[1], out, operands[0], operands[1])


def contract(ctx: Context, left: str, right: str, out: str, a: Value, b: Value) -> Value:
    """The sum of products of two operands, labelled axis by axis; a constant is put on the right.

    Else the operand is put there whose axes come last in the result, which then need not be moved.
    """
    first, last = ([out.index(c) for c in x if c in out and c not in y] for x, y in ((left, right), (right, left)))
    backwards = bool(first and last) and max(last) < min(first) and not b.is_constant
    if (a.is_constant and not b.is_constant) or (backwards and a.is_constant == b.is_constant):
        left, right, a, b = right, left, b, a
    left, a = _sum_out(ctx, left, a, keep=set(right) | set(out))
    right, b = _sum_out(ctx, right, b, keep=set(left) | set(out))
    batch = [c for c in left if c in right and c in out]
    summed = [c for c in left if c in right and c not in out]
    rows, columns = ([c for c in labels if c in out and c not in batch] for labels in (left, right))
    sizes = dict(zip(right, b.type.shape, strict=True)) | dict(zip(left, a.type.shape, strict=True))
    shape = [sizes[c] for c in (*batch, *rows, *columns)]
    if not batch:
        y = _product(ctx, _matrix(ctx, left, a, [*rows], summed), _matrix(ctx, right, b, summed, columns, merge=True))
    else:
        y = _batched(ctx, (left, a), (right, b), batch, rows, summed, columns)
    y = ctx.reshape(y, shape)
    labels = [*batch, *rows, *columns]
    return ctx.transpose(y, [labels.index(c) for c in out])


def _product(ctx: Context, a: Value, b: Value) -> Value:
    if a.type.rank == 1:
        return ctx.emit(ops.MatMul(), ctx.reshape(a, (1, *a.type.shape)), b)
    return ctx.emit(ops.MatMul(), a, b)


def _matrix(
    ctx: Context, labels: str, x: Value, rows: Sequence[str], columns: Sequence[str], merge: bool = False
) -> Value:
    """x with its row axes (merged if asked) and its column axes, merged; unmerged rows are kept as they are."""
    x = ctx.transpose(x, [labels.index(c) for c in (*rows, *columns)])
    kept = x.type.shape[: len(rows)]
    last = x.type.shape[len(rows) :]
    return ctx.reshape(x, ((product(kept),) if merge else kept) + (product(last),))


def _batched(
    ctx: Context,
    left: tuple[str, Value],
    right: tuple[str, Value],
    batch: Sequence[str],
    rows: Sequence[str],
    summed: Sequence[str],
    columns: Sequence[str],
) -> Value:
    """A batched product; an operand is taken transposed where that saves moving its axes."""
    a, transpose_a = _operand(ctx, left, batch, rows, summed)
    b, transpose_b = _operand(ctx, right, batch, summed, columns)
    return ctx.emit(ops.MatMul(transpose_a, transpose_b), a, b)


def _operand(
    ctx: Context, labelled: tuple[str, Value], batch: Sequence[str], first: Sequence[str], second: Sequence[str]
) -> tuple[Value, bool]:
    """x as [*batch, first, second] or, transposed, as [*batch, second, first]."""
    labels, x = labelled
    transposed = not x.is_constant and [labels.index(c) for c in (*second, *first)] == sorted(
        labels.index(c) for c in (*second, *first)
    )
    transposed = transposed and bool(first) and bool(second)
    groups = (second, first) if transposed else (first, second)
    x = ctx.transpose(x, [labels.index(c) for c in (*batch, *groups[0], *groups[1])])
    count = len(batch)
    kept = x.type.shape[:count]
    rest = x.type.shape[count:]
    merged: list[Dim] = [product(rest[: len(groups[0])]), product(rest[len(groups[0]) :])]
    return ctx.reshape(x, (*kept, *merged)), transposed


def _sum_out(ctx: Context, labels: str, x: Value, keep: set[str]) -> tuple[str, Value]:
    """Sum over the axes that neither the other operand nor the result has."""
    axes = tuple(i for i, c in enumerate(labels) if c not in keep)
    if not axes:
        return labels, x
    return "".join(c for c in labels if c in keep), ctx.emit(ops.ReduceSum(axes), x)


def _plain(ctx: Context, labels: str, x: Value) -> tuple[str, Value]:
    """x without letters that stand there twice: of such axes the diagonal is taken."""
    while twice := next((c for c in labels if labels.count(c) > 1), None):
        first = labels.index(twice)
        second = labels.index(twice, labels.index(twice) + 1)
        others = [i for i in range(len(labels)) if i not in (first, second)]
        x = diagonal(ctx, ctx.transpose(x, [*others, first, second]))
        labels = "".join(labels[i] for i in others) + twice
    return labels, x


def _spread(ctx: Context, pairs: Sequence[tuple[str, Value]]) -> list[tuple[str, Value]]:
    """The operands without axes of size 1 that another one has in another size: such axes are broadcast."""
    wide = {c for labels, x in pairs for c, size in zip(labels, x.type.shape, strict=True) if size != 1}
    result = []
    for labels, x in pairs:
        kept = [(c, size) for c, size in zip(labels, x.type.shape, strict=True) if size != 1 or c not in wide]
        result.append(("".join(c for c, _ in kept), ctx.reshape(x, [size for _, size in kept])))
    return result


def _single(ctx: Context, labels: str, out: str, x: Value) -> Value:
    labels, x = _sum_out(ctx, labels, x, keep=set(out))
    return ctx.transpose(x, [labels.index(c) for c in out])


def _parse(equation: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """The labels of each operand and of the result; an ellipsis becomes letters, the last ones for fewer axes."""
    left, arrow, out = equation.replace(" ", "").partition("->")
    inputs = left.split(",")
    if len(inputs) != len(ranks):
        raise NotLowered(f"the equation {equation} has {len(inputs)} operands, {len(ranks)} are given")
    free = [c for c in string.ascii_letters if c not in equation]
    widths = [r - len(labels.replace("...", "")) for labels, r in zip(inputs, ranks, strict=True)]
    dots = "".join(free[: max((w for w, labels in zip(widths, inputs, strict=True) if "..." in labels), default=0)])
    if not arrow:
        letters = [c for c in left if c.isalpha()]
        out = ("..." if dots else "") + "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    own = [dots[len(dots) - w :] for w in widths]
    return [x.replace("...", d) for x, d in zip(inputs, own, strict=True)], out.replace("...", dots)


def _summed_axes(axes: Any, rank_a: int, rank_b: int) -> tuple[list[int], list[int]]:
    if isinstance(axes, int):
        return list(range(rank_a - axes, rank_a)), list(range(axes))
    first, second = ([a] if isinstance(a, int) else list(a) for a in axes)
    return [a % rank_a for a in first], [a % rank_b for a in second]
