"""Which ops take text, for the formats that have it."""

from __future__ import annotations

from kexport import ops
from kexport.ir.op import Op

TEXT: tuple[type[Op], ...] = (
    ops.ChangeCase, ops.HashText, ops.JoinText, ops.Lookup, ops.NumberText, ops.ReplaceText, ops.SplitText,
)  # fmt: skip
"""Ops that are about text."""

ALSO_TEXT: tuple[type[Op], ...] = (
    ops.BroadcastTo, ops.Concat, ops.Equal, ops.Gather, ops.GatherNd, ops.If, ops.NotEqual, ops.Reshape, ops.Reverse,
    ops.ScatterNd, ops.Select, ops.Slice, ops.Split, ops.Tile, ops.Transpose, ops.While,
)  # fmt: skip
"""Ops that move or compare elements of any kind."""


def takes_text(op: Op) -> bool:
    """Whether an op has a meaning for operands that are text."""
    if isinstance(op, ops.ScatterNd):
        return op.reduction == "update"
    return isinstance(op, (*TEXT, *ALSO_TEXT))
