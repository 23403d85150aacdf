"""Lookup tables whose contents are known: a vector read at the key, a search in sorted keys, or a table of text."""

from __future__ import annotations

from typing import Any

import numpy as np

from kexport import ops
from kexport.capture.lowering.context import Context, Handle, scalar
from kexport.capture.lowering.table import Table
from kexport.capture.not_lowered import NotLowered
from kexport.capture.weights import read_table
from kexport.ir.graph import Value
from kexport.ir.op import Array
from kexport.ir.types import DType

table = Table()
SPREAD = 4
FREE = 256
"""A vector has at most this many entries a key, and these more, most of them holding the default."""


@table.op("LookupTableFindV2")
def find(ctx: Context, op: Any, handle: Handle, x: Value, default: Value) -> Value:
    """The value of each key in a table; the default where there is none."""
    if scalar(default) is None:
        raise NotLowered("a lookup table with a default that is no constant")
    found = read_table(handle.tensor, op.get_attr("Tin"), op.get_attr("Tout"))
    if found is None or not (x.type.dtype.is_int or x.type.dtype is DType.STRING):
        raise NotLowered("a lookup table that has no contents yet, or keys that are neither integers nor text")
    keys, values = found
    order = np.argsort(keys, kind="stable")
    return _look_up(ctx, x, keys[order], values[order], default)


def _look_up(ctx: Context, x: Value, keys: Array, values: Array, default: Value) -> Value:
    if not keys.size:
        return ctx.broadcast(default, x.type.shape)
    if x.type.dtype is DType.STRING:
        return ctx.emit(ops.Lookup(), x, *map(ctx.constant, (keys, values)), ctx.reshape(default, ()))
    limits = np.iinfo(keys.dtype)
    first = int(keys[0])
    last = int(keys[-1])
    inside = limits.min < first and last < limits.max
    if inside and last - first < SPREAD * keys.size + FREE:
        return _read_at(ctx, x, keys, values, default)
    return _search(ctx, x, keys, values, default)


def _read_at(ctx: Context, x: Value, keys: Array, values: Array, default: Value) -> Value:
    """One vector of values from one below the first key to one above the last: keys beyond are moved to its ends."""
    first = int(keys[0]) - 1
    last = int(keys[-1]) + 1
    vector = np.full(last - first + 1, scalar(default), values.dtype)
    vector[keys - first] = values
    x = ctx.emit(ops.Minimum(), ctx.emit(ops.Maximum(), x, ctx.number(first, x)), ctx.number(last, x))
    place = ctx.cast(ctx.emit(ops.Sub(), x, ctx.number(first, x)), DType.I32)
    return ctx.emit(ops.Gather(0), ctx.constant(vector), place)


def _search(ctx: Context, x: Value, keys: Array, values: Array, default: Value) -> Value:
    """A binary search, a step of each size from large to small: for the last key that is not above x, or the first.

    The last key is repeated up to a power of two, so that no step leaves the table.
    """
    steps = max(1, int(keys.size - 1).bit_length())
    fill = (0, (1 << steps) - keys.size)
    sorted_, vector = (ctx.constant(np.pad(a, fill, mode="edge")) for a in (keys, values))
    place = ctx.full(x.type.shape, 0, DType.I32)
    for step in reversed(range(steps)):
        further = ctx.emit(ops.Add(), place, ctx.number(1 << step, place))
        reached = ctx.emit(ops.LessEqual(), ctx.emit(ops.Gather(0), sorted_, further), x)
        place = ctx.emit(ops.Select(), reached, further, place)
    hit = ctx.emit(ops.Equal(), ctx.emit(ops.Gather(0), sorted_, place), x)
    value = ctx.emit(ops.Gather(0), vector, place)
    return ctx.emit(ops.Select(), hit, value, default)
