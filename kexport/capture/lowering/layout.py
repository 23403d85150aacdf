"""Ops that move elements."""

from __future__ import annotations

from typing import Any

from kexport import ops
from kexport.capture.lowering.context import Context, scalar
from kexport.capture.lowering.space import pairs
from kexport.capture.lowering.table import Table
from kexport.capture.not_lowered import NotLowered
from kexport.ir.dim import Dim, product
from kexport.ir.graph import Value

table = Table()


@table.op("Reshape")
def reshape(ctx: Context, op: Any, x: Value, shape: Value) -> Value:
    """The elements in another shape; one size may be left open."""
    return ctx.reshape(x, ctx.resolve_shape(x, ctx.dims(shape)))


def reshape_weight(ctx: Context, weight: Any, shape: tuple[int, ...]) -> Value:
    """A weight in another shape, as the type that it is read in."""
    return ctx.reshape(ctx.cast(ctx.value(weight), ctx.dtype), shape)


@table.op("Squeeze")
def squeeze(ctx: Context, op: Any, x: Value) -> Value:
    """Without axes of size 1."""
    axes = {a % x.type.rank for a in op.get_attr("squeeze_dims")}
    if not axes:
        rank = op.outputs[0].shape.rank
        axes = {i for i, d in enumerate(x.type.shape) if d == 1}
        if rank is not None and rank != x.type.rank - len(axes):
            raise NotLowered("which axes have size 1 depends on the input size")
    return ctx.reshape(x, [d for i, d in enumerate(x.type.shape) if i not in axes])


@table.op("ExpandDims")
def expand_dims(ctx: Context, op: Any, x: Value, axis: Value) -> Value:
    """With one more axis of size 1."""
    where = ctx.int(axis) % (x.type.rank + 1)
    return ctx.reshape(x, (*x.type.shape[:where], 1, *x.type.shape[where:]))


@table.op("Transpose")
def transpose(ctx: Context, op: Any, x: Value, perm: Value) -> Value:
    """The axes in another order."""
    return ctx.transpose(x, [p % x.type.rank for p in ctx.ints(perm)])


@table.op("ConcatV2")
def concat(ctx: Context, op: Any, *operands: Value) -> Value:
    """One after the other along an axis; empty ones are left out."""
    *values, axis = operands
    where = ctx.int(axis) % values[0].type.rank
    kept = [v for v in values if v.type.shape[where] != 0] or values[:1]
    return kept[0] if len(kept) == 1 else ctx.emit(ops.Concat(where), *kept)


@table.op("Pack")
def pack(ctx: Context, op: Any, *values: Value) -> Value:
    """Stacked along a new axis."""
    rank = values[0].type.rank
    where = op.get_attr("axis") % (rank + 1)
    shape = values[0].type.shape
    rows = [ctx.reshape(v, (*shape[:where], 1, *shape[where:])) for v in values]
    return rows[0] if len(rows) == 1 else ctx.emit(ops.Concat(where), *rows)


@table.op("Unpack")
def unpack(ctx: Context, op: Any, x: Value) -> tuple[Value, ...]:
    """The slices along an axis, without it."""
    where = op.get_attr("axis") % x.type.rank
    count = op.get_attr("num")
    shape = (*x.type.shape[:where], *x.type.shape[where + 1 :])
    parts = (x,) if count == 1 else ctx.emit_all(ops.Split(where, (1,) * count), x)
    return tuple(ctx.reshape(p, shape) for p in parts)


@table.op("Split")
def split(ctx: Context, op: Any, axis: Value, x: Value) -> tuple[Value, ...]:
    """Pieces of equal size."""
    where = ctx.int(axis) % x.type.rank
    count = op.get_attr("num_split")
    return _split(ctx, x, where, (x.type.shape[where] // count,) * count)


@table.op("SplitV")
def split_v(ctx: Context, op: Any, x: Value, sizes: Value, axis: Value) -> tuple[Value, ...]:
    """Pieces of given sizes, of which one may be left open."""
    where = ctx.int(axis) % x.type.rank
    wanted = ctx.dims(sizes)
    rest: Dim = x.type.shape[where]
    for d in wanted:
        rest = rest - (0 if d == -1 else d)
    return _split(ctx, x, where, tuple(rest if d == -1 else d for d in wanted))


@table.op("Pad", "PadV2")
def pad(ctx: Context, op: Any, x: Value, paddings: Value, value: Value | None = None) -> Value:
    """A value around."""
    number = 0 if value is None else scalar(value)
    if number is None:
        raise NotLowered("the padding value is computed")
    pads = pairs(paddings)
    return ctx.emit(ops.Pad(pads, "constant", number), x) if any(p != (0, 0) for p in pads) else x


@table.op("MirrorPad")
def mirror_pad(ctx: Context, op: Any, x: Value, paddings: Value) -> Value:
    """The tensor itself, mirrored, around."""
    return ctx.emit(ops.Pad(pairs(paddings), op.get_attr("mode").decode().lower()), x)


@table.op("Tile")
def tile(ctx: Context, op: Any, x: Value, reps: Value) -> Value:
    """Repeated along each axis; broadcast along axes of size 1."""
    times = ctx.dims(reps)
    if all(r == 1 for r in times):
        return x
    if all(r == 1 or d == 1 for r, d in zip(times, x.type.shape, strict=True)):
        return ctx.broadcast(x, [d * r for d, r in zip(x.type.shape, times, strict=True)])
    return ctx.emit(ops.Tile(times), x)


@table.op("BroadcastTo")
def broadcast_to(ctx: Context, op: Any, x: Value, shape: Value) -> Value:
    """Broadcast to a shape."""
    return ctx.broadcast(x, ctx.dims(shape))


@table.op("ReverseV2")
def reverse(ctx: Context, op: Any, x: Value, axes: Value) -> Value:
    """In opposite order along axes."""
    where = tuple(sorted(a % x.type.rank for a in ctx.ints(axes)))
    return ctx.emit(ops.Reverse(where), x) if where else x


@table.op("ReverseSequence")
def reverse_sequence(ctx: Context, op: Any, x: Value, lengths: Value) -> Value:
    """The first so many steps of each row in opposite order, the others as they are."""
    rows = op.get_attr("batch_dim")
    steps = op.get_attr("seq_dim")
    order = [rows, steps, *(i for i in range(x.type.rank) if i not in (rows, steps))]
    moved = ctx.transpose(x, order)
    places = ctx.emit(ops.Iota(moved.type.shape[1], lengths.type.dtype))
    ends = ctx.reshape(lengths, (*lengths.type.shape, 1))
    mirrored = ctx.emit(ops.Sub(), ctx.emit(ops.Sub(), ends, ctx.number(1, ends)), places)
    sources = ctx.emit(ops.Select(), ctx.emit(ops.Less(), places, ends), mirrored, places)
    return ctx.transpose(ctx.emit(ops.Gather(1, 1), moved, sources), [order.index(i) for i in range(x.type.rank)])


@table.op("Roll")
def roll(ctx: Context, op: Any, x: Value, shift: Value, axes: Value) -> Value:
    """Shifted along axes, the end coming in at the front."""
    for axis, by in zip(ctx.ints(axes), ctx.ints(shift), strict=True):
        x = _roll(ctx, x, axis % x.type.rank, by)
    return x


@table.op("DepthToSpace", "SpaceToDepth")
def depth_to_space(ctx: Context, op: Any, x: Value) -> Value:
    """Channels as blocks of pixels, or the other way round."""
    if op.get_attr("data_format") != b"NHWC":
        raise NotLowered(f"{op.type} of channels-first tensors")
    cls: Any = getattr(ops, op.type)
    return ctx.emit(cls(op.get_attr("block_size")), x)


@table.frame("numpy.repeat")
def repeat(ctx: Context, x: Any, repeats: Any, axis: Any) -> Value:
    """Each slice along an axis several times."""
    value = ctx.value(x)
    if not isinstance(repeats, int) or repeats < 1:
        raise NotLowered("a number of times for each slice")
    if axis is None:
        value = ctx.reshape(value, (value.type.numel,))
        axis = 0
    where = axis % value.type.rank
    shape = value.type.shape
    wanted = (*shape[:where], shape[where] * repeats, *shape[where + 1 :])
    if shape[where] == 1:
        return ctx.cast(ctx.broadcast(value, wanted), ctx.dtype)
    rows = product(shape[: where + 1])
    columns = product(shape[where + 1 :])
    copies = ctx.broadcast(ctx.reshape(value, (rows, 1, columns)), (rows, repeats, columns))
    return ctx.cast(ctx.reshape(copies, wanted), ctx.dtype)


def _split(ctx: Context, x: Value, axis: int, sizes: tuple[Dim, ...]) -> tuple[Value, ...]:
    """The pieces; empty ones, which formats do not split off, are cut out, and left out where they are joined again."""
    some = tuple(s for s in sizes if s != 0)
    parts = iter((x,) if len(some) == 1 else ctx.emit_all(ops.Split(axis, some), x) if some else ())
    return tuple(_empty(ctx, x, axis) if s == 0 else next(parts) for s in sizes)


def _empty(ctx: Context, x: Value, axis: int) -> Value:
    before = x.type.shape[:axis]
    rank = axis + 1
    return ctx.emit(ops.Slice((0,) * rank, (*before, 0), (1,) * rank), x)


def _roll(ctx: Context, x: Value, axis: int, by: int) -> Value:
    size = x.type.shape[axis]
    if isinstance(size, int) and size:
        by %= size
    if by == 0:
        return x
    cut: Dim = size - by if by > 0 else -by
    first, last = ctx.emit_all(ops.Split(axis, (cut, size - cut)), x)
    return ctx.emit(ops.Concat(axis), last, first)
