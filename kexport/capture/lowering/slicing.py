"""Slices: TensorFlow's begin, end and stride with masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from kexport import ops
from kexport.capture.lowering.blocks import Element, elements, from_front, read, width, write
from kexport.capture.lowering.context import ON_DATA, Context, decide
from kexport.capture.lowering.table import Table
from kexport.capture.not_lowered import NotLowered
from kexport.ir.dim import Dim, SymDim, dim_max, dim_min
from kexport.ir.graph import Value
from kexport.ir.types import DType

table = Table()


@dataclass
class _Plan:
    """The action for each axis of the operand, and the shape of the result."""

    begin: list[Dim] = field(default_factory=list)
    end: list[Dim] = field(default_factory=list)
    strides: list[int] = field(default_factory=list)
    shape: list[Dim | None] = field(default_factory=list)
    """The final shape: None is the size of the next kept axis, 1 a new axis."""
    dropped: set[int] = field(default_factory=set)
    computed: dict[int, tuple[Value, Dim, int]] = field(default_factory=dict)
    """The first position, the number and the step of what is taken of axes where these are only known at run time."""

    def whole(self, size: Dim) -> None:
        """Take an axis as it is."""
        self.span(0, size, 1)

    def span(self, begin: Dim, end: Dim, stride: int) -> None:
        """Take part of an axis."""
        self.begin.append(begin)
        self.end.append(end)
        self.strides.append(stride)
        self.shape.append(None)

    def drop(self, index: Dim) -> None:
        """Take one slice of an axis, without the axis."""
        self.dropped.add(len(self.begin))
        self.span(index, index + 1, 1)
        self.shape.pop()

    def drop_computed(self, index: Value, size: Dim) -> None:
        """Take one slice of an axis, without the axis, at a computed position."""
        self.dropped.add(len(self.begin))
        self.span_computed(index, 1, 1, size)
        self.shape.pop()

    def span_computed(self, first: Value, count: Dim, step: int, size: Dim) -> None:
        """Take a number of slices of an axis from a computed position."""
        self.computed[len(self.begin)] = first, count, step
        self.whole(size)


class _Masks:
    """The bit masks of a StridedSlice."""

    def __init__(self, op: Any):
        self.begin = op.get_attr("begin_mask")
        self.end = op.get_attr("end_mask")
        self.ellipsis = op.get_attr("ellipsis_mask")
        self.new = op.get_attr("new_axis_mask")
        self.shrink = op.get_attr("shrink_axis_mask")


@table.op("Slice")
def slice_(ctx: Context, op: Any, x: Value, begin: Value, size: Value) -> Value:
    """Take `size` elements of each axis from `begin`, which may be computed; -1 takes all that follow."""
    starts = elements(ctx, begin)
    counts = ctx.dims(size)
    computed = {i: (b, counts[i], 1) for i, b in enumerate(starts) if isinstance(b, Value)}
    if any(isinstance(n, int) and n == -1 for _, n, _ in computed.values()):
        raise NotLowered(ON_DATA)
    known = [0 if isinstance(b, Value) else b for b in starts]
    whole = [i in computed or (isinstance(n, int) and n == -1) for i, n in enumerate(counts)]
    ends = [d if w else b + n for b, n, d, w in zip(known, counts, x.type.shape, whole, strict=True)]
    return read(ctx, cut(ctx, x, known, ends, [1] * len(known)), computed)


@table.op("StridedSlice")
def strided_slice(ctx: Context, op: Any, x: Value, begin: Value, end: Value, strides: Value) -> Value:
    """x[…] as in Python; a position of which one slice, or a number of them, is taken may be computed."""
    masks = _Masks(op)
    plan = _plan(x, masks, elements(ctx, begin), elements(ctx, end), ctx.ints(strides))
    y = cut(ctx, x, plan.begin, plan.end, plan.strides)
    computed = plan.computed.items()
    y = read(ctx, y, {i: (from_front(ctx, p, x.type.shape[i]), n, step) for i, (p, n, step) in computed})
    sizes = iter([d for i, d in enumerate(y.type.shape) if i not in plan.dropped])
    return ctx.reshape(y, [next(sizes) if d is None else d for d in plan.shape])


def _plan(x: Value, masks: _Masks, starts: Sequence[Element], stops: Sequence[Element], steps: Sequence[int]) -> _Plan:
    plan = _Plan()
    kept = sum(not masks.new >> i & 1 and not masks.ellipsis >> i & 1 for i in range(len(steps)))
    for i, step in enumerate(steps):
        axis = len(plan.begin)
        if masks.ellipsis >> i & 1:
            for size in x.type.shape[axis : x.type.rank - (kept - axis)]:
                plan.whole(size)
        elif masks.new >> i & 1:
            plan.shape.append(1)
        elif masks.shrink >> i & 1:
            start = starts[i]
            size = x.type.shape[axis]
            plan.drop_computed(start, size) if isinstance(start, Value) else plan.drop(_position(start, size))
        else:
            first = None if masks.begin >> i & 1 else starts[i]
            last = None if masks.end >> i & 1 else stops[i]
            reach = width(first, last) if isinstance(first, Value) and last is not None and step > 0 else None
            if isinstance(first, Value) and reach is not None:
                plan.span_computed(first, (reach + step - 1) // step, step, x.type.shape[axis])
            else:
                plan.span(*span(_known(first), _known(last), step, x.type.shape[axis]))
    for size in x.type.shape[len(plan.begin) :]:
        plan.whole(size)
    return plan


@table.op("XlaDynamicUpdateSlice")
def update_slice(ctx: Context, op: Any, x: Value, update: Value, begin: Value) -> Value:
    """Replace a block of x; its start is clamped so that the block fits."""
    places = elements(ctx, begin)
    if any(isinstance(place, Value) for place in places):
        return write(ctx, x, update, places)
    starts = [
        dim_max(0, dim_min(b, size - wide))
        for b, size, wide in zip(ctx.dims(begin), x.type.shape, update.type.shape, strict=True)
    ]
    pads = tuple((b, size - wide - b) for b, size, wide in zip(starts, x.type.shape, update.type.shape, strict=True))
    inside = ctx.cast(ctx.emit(ops.Pad(pads), ctx.full(update.type.shape, 1, DType.I32)), DType.BOOL)
    return ctx.emit(ops.Select(), inside, ctx.emit(ops.Pad(pads), update), x)


def span(first: Dim | None, last: Dim | None, step: int, size: Dim) -> tuple[Dim, Dim, int]:
    """Python's slice of an axis as begin, end and step, both ends inside of the axis.

    With a negative step, begin and end count from the back, of the reversed axis. A symbolic end is taken to be at most
    the size of a fixed axis, as in `positions[:length]`.
    """
    if step > 0:
        begin = 0 if first is None else _inside(_position(first, size), size)
        end = size if last is None else _inside(_position(last, size), size)
        return begin, _not_before(begin, end), step
    begin = 0 if first is None else size - 1 - _clamp(_position(first, size), size - 1)
    end = size if last is None else size - 1 - _clamp(_position(last, size), size - 1, low=-1)
    return begin, _not_before(begin, end), step


def cut(ctx: Context, x: Value, begin: Sequence[Dim], end: Sequence[Dim], strides: Sequence[int]) -> Value:
    """A slice of every axis; axes with a negative stride are reversed first."""
    reversed_axes = tuple(i for i, s in enumerate(strides) if s < 0)
    if reversed_axes:
        x = ctx.emit(ops.Reverse(reversed_axes), x)
    steps = tuple(map(abs, strides))
    if all(b == 0 and e == d and s == 1 for b, e, s, d in zip(begin, end, steps, x.type.shape, strict=True)):
        return x
    return ctx.emit(ops.Slice(tuple(begin), tuple(end), steps), x)


def _known(element: Element | None) -> Dim | None:
    if isinstance(element, Value):
        raise NotLowered(ON_DATA)
    return element


def _position(index: Dim, size: Dim) -> Dim:
    """An index counted from the front."""
    return index + size if decide(lambda: index < 0, default=False) else index


def _inside(index: Dim, size: Dim) -> Dim:
    """An index that is at most the size; an axis of open size is taken to have an element, as in `x[:, :1]`."""
    if isinstance(size, SymDim) and isinstance(index, int) and 0 <= index <= 1:
        return index
    return _clamp(index, size)


def _clamp(index: Dim, size: Dim, low: int = 0) -> Dim:
    if decide(lambda: index < low, default=False):
        return low
    if isinstance(index, SymDim) and not isinstance(size, SymDim):
        return size if decide(lambda: index > size, default=False) else index
    return dim_min(index, size)


def _not_before(begin: Dim, end: Dim) -> Dim:
    return dim_max(begin, end) if decide(lambda: end < begin, default=False) else end
