"""Channels-first tensors as channels-last ones, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kexport.capture.lowering.context import Context
from kexport.ir.graph import Value


def is_channels_first(data_format: Any) -> bool:
    """Return whether a Keras data format is channels_first; None is Keras' default."""
    from keras.src.backend import standardize_data_format

    return standardize_data_format(data_format) == "channels_first"


def channels_last(ctx: Context, x: Value, channels_first: bool, function: Callable[[Value], Value]) -> Value:
    """`function` of x, which both work on channels-last tensors, between transposes where x is channels-first."""
    return from_last(ctx, function(to_last(ctx, x, 1)), 1) if channels_first else function(x)


def to_last(ctx: Context, x: Value, axis: int) -> Value:
    """x with `axis` moved to the end."""
    axes = list(range(x.type.rank))
    axes.append(axes.pop(axis))
    return ctx.transpose(x, axes)


def from_last(ctx: Context, x: Value, axis: int) -> Value:
    """x with its last axis moved to `axis`."""
    axes = list(range(x.type.rank))
    axes.insert(axis % x.type.rank, axes.pop())
    return ctx.transpose(x, axes)


def per_axis(value: Any, count: int) -> tuple[int, ...]:
    """Expand a number, or a list of one or all, to one number per spatial axis."""
    values = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    return tuple(int(v) for v in (values * count if len(values) == 1 else values))
