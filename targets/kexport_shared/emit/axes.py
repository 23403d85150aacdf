"""Orders of axes that formats want."""

from __future__ import annotations

from typing import NamedTuple

Perm = tuple[int, ...]


def outputs_first(rank: int) -> Perm:
    """The transpose of a kernel [*window, inputs, outputs] to [outputs, inputs, *window]."""
    return (rank - 1, rank - 2, *range(rank - 2))


def channels_first(rank: int) -> Perm:
    """The transpose of a depthwise kernel [*window, channels, multiplier] to [channels, multiplier, *window]."""
    return (rank - 2, rank - 1, *range(rank - 2))


class Gathered(NamedTuple):
    """How to gather right behind the batch axes: the transpose of the operand, and that of the result."""

    before: Perm
    behind: Perm


def behind_batches(axis: int, batch: int, rank: int, indices_rank: int) -> Gathered | None:
    """Bring a gathered axis behind the batch axes, and what comes in its place back; None if it is there.

    Args:
        axis: the gathered axis, counted from the front.
        batch: the number of batch axes.
        rank: that of the operand.
        indices_rank: that of the indices, batch axes included.
    """
    between = axis - batch
    count = indices_rank - batch
    if not between:
        return None
    before = (*range(batch), axis, *range(batch, axis), *range(axis + 1, rank))
    front = (*range(batch), *range(batch + count, batch + count + between), *range(batch, batch + count))
    return Gathered(before, (*front, *range(len(front), rank - 1 + count)))
