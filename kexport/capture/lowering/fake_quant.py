"""Rounds numbers to the grid of low-bit integers, as in quantization-aware training."""

from __future__ import annotations

from typing import Any

import numpy as np

from kexport import ops
from kexport.capture.lowering.context import Context
from kexport.capture.lowering.table import Table
from kexport.capture.not_lowered import NotLowered
from kexport.ir.graph import Value
from kexport.ir.op import Array

table = Table()


@table.op("FakeQuantWithMinMaxArgs")
def by_numbers(ctx: Context, op: Any, x: Value) -> Value:
    """Fake quantization with a fixed range."""
    return _on_grid(ctx, op, x, np.float32(op.get_attr("min")), np.float32(op.get_attr("max")))


@table.op("FakeQuantWithMinMaxVars", "FakeQuantWithMinMaxVarsPerChannel")
def by_weights(ctx: Context, op: Any, x: Value, low: Value, high: Value) -> Value:
    """Fake quantization with a learned range, per tensor or per channel."""
    if low.data is None or high.data is None:
        raise NotLowered("a grid whose ends are computed while the model runs")
    return _on_grid(ctx, op, x, low.data, high.data)


def _on_grid(ctx: Context, op: Any, x: Value, low: Array | np.float32, high: Array | np.float32) -> Value:
    """Clip x and round it to the grid; the ends are nudged so that 0 lies on the grid."""
    first = int(op.get_attr("narrow_range"))
    last = 2 ** op.get_attr("num_bits") - 1
    step = ((high - low) / np.float32(last - first)).astype(np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        zero = np.clip(np.floor(first - low / step + np.float32(0.5)), first, last)
        least, most = ((n - zero) * step for n in (first, last))
        per_step = np.float32(1) / step
    cut = ctx.emit(ops.Minimum(), ctx.emit(ops.Maximum(), x, _constant(ctx, least)), _constant(ctx, most))
    steps = ctx.emit(ops.Mul(), ctx.emit(ops.Sub(), cut, _constant(ctx, least)), _constant(ctx, per_step))
    whole = ctx.emit(ops.Floor(), ctx.emit(ops.Add(), steps, ctx.number(0.5, x)))
    return ctx.emit(ops.Add(), ctx.emit(ops.Mul(), whole, _constant(ctx, step)), _constant(ctx, least))


def _constant(ctx: Context, data: Any) -> Value:
    return ctx.constant(np.asarray(data, np.float32))
