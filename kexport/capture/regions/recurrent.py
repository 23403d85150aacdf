"""Lowers the stand-ins of recurrent layers to recurrent ops."""

from __future__ import annotations

from typing import Any

import numpy as np

from kexport import ops
from kexport.capture.lowering.context import Context
from kexport.capture.tracing.standins import CellLoop, Reading
from kexport.ir.graph import Value
from kexport.ir.op import Op


def lower_cells(ctx: Context, loop: CellLoop, operands: list[Value]) -> tuple[Value, ...]:
    """The last output, all outputs and the last states of a recurrent layer with one of Keras' own cells."""
    x, *rest = operands
    states = rest[: loop.states]
    w, r = rest[loop.states : loop.states + 2]
    rest = rest[loop.states + 2 :]
    states = [ctx.broadcast(s, (x.type.shape[0], s.type.shape[1])) if s.type.shape[0] == 1 else s for s in states]
    biases = [rest.pop(0)] if loop.biased else []
    y, *last = ctx.emit_all(_recurrent(loop), x, *states, w, r, *_biases(ctx, loop, biases, r), *rest)
    reading = loop.reading
    plain = not reading.masked or (not reading.zero_masked and is_zero(states[0]))
    final = last[0] if plain else last_step(ctx, y, reading)
    return (final, all_steps(ctx, y, final, reading), *last)


def _recurrent(loop: CellLoop) -> Op:
    reverse = loop.reading.reverse
    zero_masked = loop.reading.zero_masked
    match loop.cell:
        case "lstm":
            return ops.Lstm(loop.activation, loop.recurrent_activation, reverse, zero_masked)
        case "gru":
            return ops.Gru(loop.activation, loop.recurrent_activation, loop.reset_after, reverse, zero_masked)
        case _:
            return ops.SimpleRnn(loop.activation, reverse, zero_masked)


def _biases(ctx: Context, loop: CellLoop, biases: list[Value], r: Value) -> list[Value]:
    """The biases that the op takes: a GRU has one for the input and one for the state."""
    zeros = ctx.full(r.type.shape[1:], 0, r.type.dtype)
    if loop.cell != "gru":
        return biases or [zeros]
    if not loop.reset_after or not biases:
        return [*(biases or [zeros]), zeros]
    both = biases[0]
    width = r.type.shape[1]
    rows = [ctx.emit(ops.Slice((i, 0), (i + 1, width), (1, 1)), both) for i in (0, 1)]
    return [ctx.reshape(row, (width,)) for row in rows]


def last_step(ctx: Context, y: Value, reading: Reading) -> Value:
    """The output of the step taken last, from all outputs in the order of the input."""
    shape = y.type.shape
    axis = reading.axis
    at = 0 if reading.reverse else shape[axis] - 1
    begin = tuple(at if i == axis else 0 for i in range(len(shape)))
    end = tuple(at + 1 if i == axis else d for i, d in enumerate(shape))
    step = ctx.emit(ops.Slice(begin, end, (1,) * len(shape)), y)
    return ctx.reshape(step, (*shape[:axis], *shape[axis + 1 :]))


def all_steps(ctx: Context, y: Value, final: Value, reading: Reading) -> Value:
    """All outputs in the order that is wanted, or where they are not wanted the last one alone."""
    if not reading.whole:
        shape = final.type.shape
        return ctx.reshape(final, (*shape[: reading.axis], 1, *shape[reading.axis :]))
    return ctx.emit(ops.Reverse((reading.axis,)), y) if reading.reverse and reading.as_made else y


def is_zero(value: Value) -> bool:
    """Whether a value is known to be zeros."""
    if value.data is not None:
        return not np.any(value.data)
    node: Any = value.producer
    match node and node.op:
        case ops.Full(value=0):
            return True
        case ops.BroadcastTo() | ops.Cast() | ops.Reshape():
            return is_zero(node.inputs[0])
        case _:
            return False
