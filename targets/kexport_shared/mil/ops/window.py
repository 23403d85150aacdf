"""Sliding windows over spatial axes: padding by its kinds, and where each window lies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from kexport.errors import VerifyError

Array = np.ndarray
Ints = Sequence[int]


class Window(NamedTuple):
    """A window over every spatial axis: its taps, steps, gaps, the padding around and how many windows fit."""

    taps: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]
    counts: tuple[int, ...]

    def slices(self) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...]]]:
        """Every tap with the slice of the padded input its windows see."""
        for tap in product(*(range(t) for t in self.taps)):
            starts = [t * d for t, d in zip(tap, self.dilations, strict=True)]
            parts = zip(starts, self.strides, self.counts, strict=True)
            yield tap, tuple(slice(b, b + (n - 1) * s + 1, s) for b, s, n in parts)


def ints(values: Array | Ints | None, count: int, default: int) -> tuple[int, ...]:
    """A parameter of one integer for every axis."""
    return (default,) * count if values is None else tuple(int(v) for v in np.asarray(values).ravel())


def window(
    sizes: Ints, taps: Ints, strides: Ints, dilations: Ints, pad_type: str, pad: Ints, ceil_mode: bool = False
) -> Window:
    """The window over axes of these sizes."""
    axes = list(zip(sizes, taps, strides, dilations, strict=True))
    pads = tuple(_padding(pad_type, tuple(pad), i, *axis) for i, axis in enumerate(axes))
    counts = tuple(_count(*axis, *around, ceil_mode) for axis, around in zip(axes, pads, strict=True))
    return Window(tuple(taps), tuple(strides), tuple(dilations), pads, counts)


def _padding(kind: str, pad: Ints, index: int, size: int, taps: int, stride: int, dilation: int) -> tuple[int, int]:
    if kind == "valid":
        return (0, 0)
    if kind == "custom":
        return (pad[2 * index], pad[2 * index + 1])
    if kind not in ("same", "same_lower"):
        raise VerifyError(f"there is no padding {kind}")
    total = max(0, (-(-size // stride) - 1) * stride + (taps - 1) * dilation + 1 - size)
    small = total // 2
    large = total - total // 2
    return (small, large) if kind == "same" else (large, small)


def _count(size: int, taps: int, stride: int, dilation: int, before: int, after: int, ceil_mode: bool) -> int:
    room = size + before + after - (taps - 1) * dilation - 1
    if not ceil_mode:
        return room // stride + 1
    count = -(-room // stride) + 1
    # a window that would start beyond the input and its leading padding is left out
    return count - 1 if (count - 1) * stride >= size + before and before + after > 0 else count


def padded(x: Array, chosen: Window, value: float) -> Array:
    """The input with its padding, enlarged where the last window reaches beyond it."""
    ends = []
    for size, taps, stride, dilation, (before, after), count in zip(
        x.shape[2:], chosen.taps, chosen.strides, chosen.dilations, chosen.pads, chosen.counts, strict=True
    ):
        reach = (count - 1) * stride + (taps - 1) * dilation + 1
        ends.append((before, max(after, reach - size - before)))
    if not any(b or a for b, a in ends):
        return x
    return np.pad(x, ((0, 0), (0, 0), *ends), constant_values=value)
