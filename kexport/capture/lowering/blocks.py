"""Reads and writes blocks of a tensor at positions computed at run time, as in a key-value cache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kexport import ops
from kexport.capture.lowering.context import ON_DATA, Context
from kexport.capture.not_lowered import NotLowered
from kexport.ir.dim import Dim
from kexport.ir.graph import Node, Value
from kexport.rewrite.bounds import nonnegative
from kexport.rewrite.fold import dims_of, symbolic

Element = Dim | Value
"""A position or size: a number, a dim, or a value of one element."""
_Linear = tuple[dict[Value, Dim], Dim]


def elements(ctx: Context, value: Value) -> list[Element]:
    """The elements of a vector: numbers and sizes, and values of one element where they are only known at run time."""
    known = dims_of(value)
    if known is not None:
        return list(known)
    match value.producer:
        case Node(op=ops.Concat(), inputs=parts):
            return [element for part in parts for element in elements(ctx, part)]
        case Node(op=ops.Cast(), inputs=(x,)) if x.type.dtype.is_int:
            return elements(ctx, x)
        case _:
            return _taken_apart(ctx, value)


def _taken_apart(ctx: Context, value: Value) -> list[Element]:
    (size,) = value.type.shape if value.type.rank == 1 else (None,)
    if not isinstance(size, int):
        raise NotLowered(ON_DATA)
    return [value] if size == 1 else [ctx.emit(ops.Slice((i,), (i + 1,), (1,)), value) for i in range(size)]


def width(first: Element, last: Element) -> Dim | None:
    """Return the number of elements between two positions if it is known, as between `2 * i - 2` and `2 * (i + 1)`."""
    terms, offset = _linear(first)
    others, end = _linear(last)
    return end - offset if terms == others else None


def _linear(place: Element) -> _Linear:
    """Write a position as a sum of multiples of values, and a number."""
    if not isinstance(place, Value):
        return {}, place
    known = symbolic(place)
    if known is not None and known.size == 1:
        return {}, known.reshape(-1)[0]
    match place.producer:
        case Node(op=ops.Reshape() | ops.Cast(), inputs=(x,)) if x.type.dtype.is_int:
            return _linear(x)
        case Node(op=ops.Add(), inputs=(a, b)):
            return _sum(_linear(a), _linear(b), 1)
        case Node(op=ops.Sub(), inputs=(a, b)):
            return _sum(_linear(a), _linear(b), -1)
        case Node(op=ops.Mul(), inputs=(a, b)):
            for (terms, factor), other in ((_linear(a), b), (_linear(b), a)):
                if not terms:
                    return _sum(({}, 0), _linear(other), factor)
    return {place: 1}, 0


def _sum(a: _Linear, b: _Linear, factor: Dim) -> _Linear:
    terms = {v: a[0].get(v, 0) + factor * b[0].get(v, 0) for v in a[0] | b[0]}
    return {v: n for v, n in terms.items() if n != 0}, a[1] + factor * b[1]


def read(ctx: Context, x: Value, blocks: Mapping[int, tuple[Value, Dim, int]]) -> Value:
    """Slice `count` elements along some axes from a computed position, with a stride."""
    for axis, (place, count, step) in blocks.items():
        places = ctx.reshape(place, (1,))
        if count != 1:
            steps = ctx.emit(ops.Iota(count, place.type.dtype, step=step))
            places = ctx.emit(ops.Add(), steps, places)
        x = ctx.emit(ops.Gather(axis), x, places)
    return x


def write(ctx: Context, x: Value, block: Value, starts: Sequence[Element]) -> Value:
    """Replace a block of x; positions are clamped so that the block fits."""
    inside: Value | None = None
    for axis, start in enumerate(starts):
        size = x.type.shape[axis]
        wide = block.type.shape[axis]
        if size == wide:
            continue
        along = _along(ctx, axis, x.type.rank, size, wide, start)
        block = block if wide == 1 else _spread(ctx, block, along, axis, size, wide)
        own = ctx.emit(
            ops.LogicalAnd(),
            ctx.emit(ops.GreaterEqual(), along, ctx.number(0, along)),
            ctx.emit(ops.Less(), along, _size(ctx, wide, along)),
        )
        inside = own if inside is None else ctx.emit(ops.LogicalAnd(), inside, own)
    return block if inside is None else ctx.emit(ops.Select(), inside, block, x)


def _along(ctx: Context, axis: int, rank: int, size: Dim, wide: Dim, start: Element) -> Value:
    """Return, for each position along an axis, its position in the block, with as many axes as the tensor."""
    if not isinstance(start, Value):
        start = ctx.sizes([start])
    place = ctx.reshape(start, ())
    fits = ctx.emit(ops.Maximum(), ctx.emit(ops.Minimum(), place, _size(ctx, size - wide, place)), ctx.number(0, place))
    along = ctx.emit(ops.Sub(), ctx.emit(ops.Iota(size, place.type.dtype)), fits)
    return ctx.reshape(along, [size if i == axis else 1 for i in range(rank)])


def _spread(ctx: Context, block: Value, along: Value, axis: int, size: Dim, wide: Dim) -> Value:
    """Spread the block along one axis of the tensor; positions outside of it hold arbitrary elements."""
    last = _size(ctx, wide - 1, along)
    places = ctx.emit(ops.Maximum(), ctx.emit(ops.Minimum(), along, last), ctx.number(0, along))
    return ctx.emit(ops.Gather(axis), block, ctx.reshape(places, (size,)))


def _size(ctx: Context, size: Dim, like: Value) -> Value:
    return ctx.sizes([size], like.type.dtype, rank=0)


def from_front(ctx: Context, index: Value, size: Dim) -> Value:
    """Normalize an index that may count from the back."""
    if nonnegative(index):
        return index
    back = ctx.emit(ops.Add(), index, ctx.cast(ctx.sizes([size], rank=0), index.type.dtype))
    return ctx.emit(ops.Select(), ctx.emit(ops.Less(), index, ctx.number(0, index)), back, index)
