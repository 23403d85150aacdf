"""Windows over one axis as windows over two, for formats that have them for images only."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kexport.ir.op import OpT

_PER_AXIS: dict[str, Any] = {"strides": 1, "dilation": 1, "window": 1, "padding": (0, 0), "output_padding": 0}
"""Attributes with a value for each axis, and the value that does nothing."""


def with_row(op: OpT) -> OpT:
    """Let the windows of an op reach over one more axis, in front, along which nothing happens."""
    found = {name: getattr(op, name, None) for name in _PER_AXIS}
    return replace(op, **{name: (_PER_AXIS[name], *old) for name, old in found.items() if isinstance(old, tuple)})
