"""Non-maximum suppression with results of a fixed size, as a loop that takes one box of every class in a step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kexport import ops
from kexport.capture.lowering.context import Context, scalar
from kexport.capture.lowering.table import Table
from kexport.capture.not_lowered import NotLowered
from kexport.ir.dim import Dim
from kexport.ir.graph import Graph, Value
from kexport.ir.types import DType, TensorType
from kexport.rewrite.body import Body

table = Table()

LEAST = float(np.finfo(np.float32).min)
"""The score of a box that is absent or already taken."""


@table.op("CombinedNonMaxSuppression")
def combined(ctx: Context, op: Any, boxes: Value, scores: Value, *settings: Value) -> list[Value]:
    """Select the best non-overlapping boxes of each class, then the best of all classes, padded with zeros."""
    each, total, overlap, least = map(scalar, settings)
    batch, count, classes = scores.type.shape
    if any(s is None for s in (each, total, overlap, least)) or not isinstance(classes, int) or boxes.type.rank != 4:
        raise NotLowered("its limits, or the number of classes, are not known before the model runs")
    each = min(each, count) if isinstance(count, int) else each
    by_class = ctx.transpose(scores, (0, 2, 1))
    asked = ctx.emit(ops.Greater(), by_class, ctx.number(least, scores))
    found = ctx.emit(ops.Select(), asked, by_class, ctx.number(LEAST, scores))
    corners = ctx.transpose(boxes, (0, 2, 3, 1))
    steps = ctx.emit(ops.Iota(each, DType.I32))
    scan = ops.Scan(_step(found.type, corners.type, overlap, ctx.origin), 1, 1)
    _, best, chosen = ctx.emit_all(scan, found, steps, corners)
    rows = [_one_row(ctx, v, (batch, classes * each), (1, 2, 0)) for v in (best, chosen)]
    size = min(total, classes * each) if op.get_attr("pad_per_class") else total
    return _collected(ctx, rows, corners, (each, size), op.get_attr("clip_boxes"))


def _step(scores: TensorType, corners: TensorType, overlap: float, origin: str) -> Graph:
    """Take the best box of every class; `scores` [batch, class, box] are those of the remaining boxes."""
    body = Body("suppress", origin)
    left = body.input("scores", scores)
    body.input("step", TensorType(DType.I32, ()))
    places = body.input("corners", corners)
    batch, classes, count = scores.shape
    best = body.add(ops.ReduceMax((2,)), left)
    chosen = body.add(ops.ArgMax(2), left)
    mine = [body.add(ops.Reshape((batch, classes, 1)), v) for v in _split(body, _corners_of(body, places, chosen), 2)]
    others = [body.add(ops.Reshape((*corners.shape[:2], count)), v) for v in _split(body, places, 2)]
    itself = body.add(
        ops.Equal(),
        body.add(ops.Reshape((batch, classes, 1)), chosen),
        body.add(ops.Iota(count, DType.I32)),
    )
    gone = body.add(ops.LogicalOr(), itself, _overlaps(body, mine, others, overlap))
    rest = body.add(ops.Select(), gone, body.constant(np.float32(LEAST)), left)
    return body.finish({"scores": rest, "best": best, "chosen": chosen})


def _corners_of(body: Any, places: Value, chosen: Value) -> Value:
    """The corners [batch, class, 4] of one box of every class; `places` are [batch, 1 or class, 4, box]."""
    batch, own, _, count = places.type.shape
    by_box = body.add(ops.Transpose((0, 1, 3, 2)), places)
    if own == 1:
        return body.add(ops.Gather(1, 1), body.add(ops.Reshape((batch, count, 4)), by_box), chosen)
    return body.add(ops.Gather(2, 2), by_box, chosen)


def _split(body: Any, x: Value, axis: int) -> tuple[Value, ...]:
    return body.add_all(ops.Split(axis, (1, 1, 1, 1)), x)


def _overlaps(body: Any, mine: Sequence[Value], others: Sequence[Value], overlap: float) -> Value:
    """Return whether the intersection over union of boxes exceeds `overlap`; a box without area overlaps nothing."""
    y, x, y_end, x_end = _ordered(body, mine)
    v, u, v_end, u_end = _ordered(body, others)
    area, area_of_others = (
        body.add(ops.Mul(), body.add(ops.Sub(), b, a), body.add(ops.Sub(), d, c))
        for a, b, c, d in ((y, y_end, x, x_end), (v, v_end, u, u_end))
    )
    sides = [
        body.add(ops.Relu(), body.add(ops.Sub(), body.add(ops.Minimum(), b, d), body.add(ops.Maximum(), a, c)))
        for a, b, c, d in ((y, y_end, v, v_end), (x, x_end, u, u_end))
    ]
    shared = body.add(ops.Mul(), *sides)
    joint = body.add(ops.Sub(), body.add(ops.Add(), area, area_of_others), shared)
    zero = body.constant(np.float32(0))
    real = body.add(
        ops.LogicalAnd(), body.add(ops.Greater(), area, zero), body.add(ops.Greater(), area_of_others, zero)
    )
    whole = body.add(ops.Select(), real, joint, body.constant(np.float32(1)))
    part = body.add(ops.Div(), shared, whole)
    return body.add(ops.LogicalAnd(), real, body.add(ops.Greater(), part, body.constant(np.float32(overlap))))


def _ordered(body: Any, corners: Sequence[Value]) -> list[Value]:
    """Top, left, bottom, right, whichever corners they were."""
    y, x, v, u = corners
    return [body.add(op, *pair) for op in (ops.Minimum(), ops.Maximum()) for pair in ((y, v), (x, u))]


def _one_row(ctx: Context, x: Value, shape: Sequence[Dim], perm: Sequence[int]) -> Value:
    return ctx.reshape(ctx.transpose(x, perm), shape)


def _collected(ctx: Context, rows: Sequence[Value], corners: Value, sizes: tuple[int, int], clip: bool) -> list[Value]:
    """The best of all classes: boxes, scores, classes and their number. `rows` are scores and boxes, class by class."""
    each, size = sizes
    batch, width = rows[0].type.shape
    assert isinstance(width, int)
    best, order = ctx.emit_all(ops.TopK(min(size, width)), rows[0])
    kind = ctx.emit(ops.FloorDiv(), order, ctx.constant(np.int32(each)))
    box = ctx.emit(ops.Gather(1, 1), rows[1], order)
    count = corners.type.shape[3]
    own = corners.type.shape[1]
    flat = ctx.reshape(ctx.transpose(corners, (0, 1, 3, 2)), (batch, own * count, 4))
    if own != 1:
        box = ctx.emit(ops.Add(), box, ctx.emit(ops.Mul(), kind, ctx.sizes([count], rank=0)))
    found = ctx.emit(ops.Gather(1, 1), flat, box)
    found = ctx.emit(ops.Clip(0.0, 1.0), found) if clip else found
    real = ctx.emit(ops.Greater(), best, ctx.number(LEAST, best))
    number = ctx.emit(ops.ReduceSum((1,)), ctx.cast(real, DType.I32))
    results = [(found, ctx.reshape(real, (*real.type.shape, 1))), (best, real), (ctx.cast(kind, DType.F32), real)]
    return [*(_kept(ctx, x, mask, size) for x, mask in results), number]


def _kept(ctx: Context, x: Value, real: Value, size: int) -> Value:
    """Keep x where there is a box, zeros elsewhere, and pad with zeros for missing boxes."""
    kept = ctx.emit(ops.Select(), real, x, ctx.number(0, x))
    missing = size - x.type.shape[1]
    if missing == 0:
        return kept
    return ctx.emit(ops.Pad(((0, 0), (0, missing), *((0, 0),) * (x.type.rank - 2))), kept)
