"""Lowers the stand-ins of loops over sequences with arbitrary steps to scans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kexport import ops
from kexport.capture.lowering.context import Context, Found
from kexport.capture.lowering.scope import Scope
from kexport.capture.regions.recurrent import all_steps, last_step
from kexport.capture.regions.region import Region, close
from kexport.capture.tracing.standins import StepLoop
from kexport.ir.graph import Value
from kexport.ir.types import TensorType


def lower_steps(scope: Scope, ctx: Context, op: Any, loop: StepLoop, inputs: Sequence[Found]) -> tuple[Value, ...]:
    """Lower a scan. A masked step keeps the state; its output is zeros, or that of the previous step."""
    reading = loop.reading
    masked = loop.reading.masked
    ends = [len(loop.states), len(loop.states) + len(loop.slices), len(loop.states) + len(loop.slices) + masked]
    states, sequences, masks = ([ctx.value(v) for v in part] for part in _parts(inputs, ends))
    given = {id(t): v for t, v in zip(loop.captured, inputs[ends[-1] :], strict=True)}
    region = Region(scope, ctx, op, loop.graph, "step", given)
    old = [region.input(t, v.type) for t, v in zip(loop.states, states, strict=True)]
    slices = [region.input(t, _slice(v.type, reading.axis)) for t, v in zip(loop.slices, sequences, strict=True)]
    new = region.values(loop.new_states)
    outputs = region.values(loop.outputs)
    flags = [region.place.input(_slice(m.type, reading.axis)) for m in masks]
    if flags:
        before = [] if reading.zero_masked else [region.place.input(v.type) for v in outputs]
        states += [ctx.full(v.type.shape, 0, v.type.dtype) for v in before]
        fallback = before or [region.ctx.full(v.type.shape, 0, v.type.dtype) for v in outputs]
        outputs = [_where(region.ctx, flags[0], a, b) for a, b in zip(outputs, fallback, strict=True)]
        new = [_where(region.ctx, flags[0], a, b) for a, b in zip(new, old, strict=True)]
        new = new + (outputs if before else [])
        old = old + before
    others, (made,) = close((region, [*new, *outputs]))
    new = made[: len(old)]
    outputs = made[len(old) :]
    named = [*(("state", v) for v in old), *(("x", v) for v in slices), *(("mask", v) for v in flags)]
    carried = [new.index(v) if v in new else None for v in outputs]
    body = region.finish(named, others, made)
    scan = ops.Scan(body, len(new), len(sequences) + len(masks), reading.axis, reading.reverse)
    results = ctx.emit_all(scan, *states, *sequences, *masks, *others)
    stacked = results[len(new) :]
    last = [results[c] if c is not None else last_step(ctx, y, reading) for c, y in zip(carried, stacked, strict=True)]
    ordered = [all_steps(ctx, y, z, reading) for y, z in zip(stacked, last, strict=True)]
    return (*last, *ordered, *results[: len(loop.states)])


def _parts(inputs: Sequence[Found], ends: Sequence[int]) -> list[Sequence[Found]]:
    return [inputs[i:j] for i, j in zip([0, *ends], ends, strict=False)]


def _slice(type: TensorType, axis: int) -> TensorType:
    return type.with_shape((*type.shape[:axis], *type.shape[axis + 1 :]))


def _where(ctx: Context, flag: Value, new: Value, old: Value) -> Value:
    shape = flag.type.shape
    flag = ctx.reshape(flag, (*shape, *(1,) * (new.type.rank - len(shape))))
    return ctx.emit(ops.Select(), flag, new, old)
