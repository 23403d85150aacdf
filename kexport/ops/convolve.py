"""Convolution and pooling in numpy: a loop over the window, whole arrays at each of its taps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np

from kexport.ir.op import Array
from kexport.ops.arrays import lowest, times
from kexport.ops.layout import ints
from kexport.ops.window import Ints, Padding, explicit_pads, output_sizes, transpose_crops

_GATHERED = 1 << 22
"""So many elements of gathered windows are held at once: few enough for caches, and enough for a large matmul."""


def conv(x: Array, kernel: Array, strides: Ints, dilation: Ints, padding: Padding, groups: int) -> Array:
    """Cross-correlation of x[N, *S, C] with kernel[*K, C/groups, O]."""
    channels = x.shape[-1]
    if groups == channels and groups > 1:
        by_channel = kernel.reshape(*kernel.shape[:-2], channels, -1)
        return depthwise(x, by_channel, strides, dilation, padding)
    padded, sizes = _prepare(x, kernel.shape[:-2], strides, dilation, padding)
    parts = zip(np.split(padded, groups, axis=-1), np.split(kernel, groups, axis=-1), strict=True)
    results = [_conv_group(part, k, sizes, strides, dilation) for part, k in parts]
    return results[0] if groups == 1 else np.concatenate(results, axis=-1)


def depthwise(x: Array, kernel: Array, strides: Ints, dilation: Ints, padding: Padding) -> Array:
    """Cross-correlation of each channel of x[N, *S, C] with kernel[*K, C, M]."""
    padded, sizes = _prepare(x, kernel.shape[:-2], strides, dilation, padding)
    channels, multiplier = kernel.shape[-2:]
    many = multiplier > 1
    shape = (x.shape[0], *sizes, channels, multiplier) if many else (x.shape[0], *sizes, channels)
    total = np.zeros(shape, x.dtype)
    term = np.empty(shape, x.dtype)
    for tap, seen in _taps(padded, kernel.shape[:-2], sizes, strides, dilation):
        np.multiply(seen[..., None] if many else seen, kernel[tap] if many else kernel[tap][:, 0], out=term)
        total += term
    return total.reshape(x.shape[0], *sizes, channels * multiplier)


def conv_transpose(
    x: Array,
    kernel: Array,
    strides: Ints,
    dilation: Ints,
    padding: Padding,
    output_padding: Ints | None,
    groups: int,
) -> Array:
    """Transposed convolution of x[N, *S, C] with kernel[*K, O/groups, C]."""
    window = kernel.shape[:-2]
    sizes = x.shape[1:-1]
    full = [(n - 1) * s + (k - 1) * d + 1 for n, k, s, d in zip(sizes, window, strides, dilation, strict=True)]
    total = np.zeros((x.shape[0], *full, groups * kernel.shape[-2]), x.dtype)
    targets = np.split(total, groups, axis=-1)
    parts = zip(targets, np.split(x, groups, axis=-1), np.split(kernel, groups, axis=-1), strict=True)
    for target, part, k in parts:
        for tap, touched in _taps(target, window, sizes, strides, dilation):
            touched += times(part, k[tap].T)
    crops = transpose_crops(sizes, window, strides, dilation, padding, output_padding)
    return _crop(total, [ints(c) for c in crops])


def max_pool(x: Array, window: Ints, strides: Ints, padding: Padding) -> Array:
    """The greatest element of each window."""
    return _pool(x, window, strides, padding, np.maximum, lowest(x.dtype))


def avg_pool(x: Array, window: Ints, strides: Ints, padding: Padding) -> Array:
    """The mean of each window, not counting the padding."""
    present = np.ones((1, *x.shape[1:-1], 1), x.dtype)
    total, count = (_pool(a, window, strides, padding, np.add, 0) for a in (x, present))
    return total / count


def _conv_group(x: Array, kernel: Array, sizes: Ints, strides: Ints, dilation: Ints) -> Array:
    window = kernel.shape[:-2]
    channels, filters = kernel.shape[-2:]
    if prod(window) == 1:
        return times(next(_taps(x, window, sizes, strides, dilation))[1], kernel.reshape(channels, filters))
    result = np.empty((x.shape[0], *sizes, filters), x.dtype)
    if 2 * filters <= channels and set(strides) == {1}:
        _scatter(x, kernel, result, dilation)
    else:
        _gather(x, kernel, result, strides, dilation)
    return result


def _gather(x: Array, kernel: Array, result: Array, strides: Ints, dilation: Ints) -> None:
    """Fill the result block by block: all windows as the rows of a matrix, and one product of matrices."""
    window = kernel.shape[:-2]
    matrix = kernel.reshape(-1, kernel.shape[-1])
    for samples, rows in _blocks(result.shape[:-1], len(matrix)):
        block = result[samples, rows]
        part = x[samples, rows.start * strides[0] :]
        columns = np.empty((*block.shape[:-1], prod(window), x.shape[-1]), x.dtype)
        for place, (_, seen) in enumerate(_taps(part, window, block.shape[1:-1], strides, dilation)):
            columns[..., place, :] = seen
        block[...] = times(columns.reshape(*block.shape[:-1], -1), matrix)


def _scatter(x: Array, kernel: Array, result: Array, dilation: Ints) -> None:
    """Fill the result where filters are few: every element times all of the kernel, added up where it is seen."""
    window = kernel.shape[:-2]
    channels, filters = kernel.shape[-2:]
    matrix = np.moveaxis(kernel, -2, 0).reshape(channels, -1)
    steps = (1,) * len(window)
    result[...] = 0
    for sample, total in zip(x, result, strict=True):
        products = times(sample[None], matrix)
        for place, (_, seen) in enumerate(_taps(products, window, total.shape[:-1], steps, dilation)):
            total += seen[0, ..., place * filters : (place + 1) * filters]


def _blocks(shape: Ints, width: int) -> Iterator[tuple[slice, slice]]:
    """Slices of the first two axes of [N, *S], in blocks of about `_GATHERED` elements with `width` at each place."""
    row = max(prod(shape[2:]) * width, 1)
    rows = min(max(_GATHERED // row, 1), max(shape[1], 1))
    samples = max(_GATHERED // (row * rows), 1) if rows == shape[1] else 1
    for sample in range(0, shape[0], samples):
        for start in range(0, shape[1], rows):
            yield slice(sample, min(sample + samples, shape[0])), slice(start, min(start + rows, shape[1]))


def _prepare(
    x: Array, window: Ints, strides: Ints, dilation: Ints, padding: Padding, fill: Any = 0
) -> tuple[Array, Ints]:
    """The padded input and the output sizes."""
    args = (x.shape[1:-1], window, strides, dilation, padding)
    pads = [(0, 0), *(ints(p) for p in explicit_pads(*args)), (0, 0)]
    padded = np.pad(x, pads, constant_values=fill) if any(map(any, pads)) else x
    return padded, ints(output_sizes(*args))


def _taps(x: Array, window: Ints, sizes: Ints, strides: Ints, dilation: Ints) -> Iterator[tuple[Ints, Array]]:
    """For each position in the window: the view of x[N, *S, C] that all the output positions see there."""
    for tap in product(*map(range, window)):
        starts = [t * d for t, d in zip(tap, dilation, strict=True)]
        spans = zip(starts, sizes, strides, strict=True)
        yield tap, x[(slice(None), *(slice(a, a + (n - 1) * s + 1, s) for a, n, s in spans))]


def _pool(x: Array, window: Ints, strides: Ints, padding: Padding, join: Callable[..., Any], neutral: Any) -> Array:
    """`join` over each window, one axis after the other."""
    axes = len(window)
    padded, sizes = _prepare(x, window, strides, (1,) * axes, padding, neutral)
    for axis in range(axes):
        one = [1] * axes
        width = list(one)
        step = list(one)
        size = list(padded.shape[1:-1])
        width[axis] = window[axis]
        step[axis] = strides[axis]
        size[axis] = sizes[axis]
        views = _taps(padded, tuple(width), tuple(size), tuple(step), tuple(one))
        total = next(views)[1].copy()
        for _, seen in views:
            join(total, seen, out=total)
        padded = total
    return padded


def _crop(x: Array, crops: Sequence[Ints]) -> Array:
    """x[N, *S, C] without (low, high) elements of each spatial axis; zeros are added where negative."""
    pads = [(max(-low, 0), max(-high, 0)) for low, high in crops]
    cuts = [slice(max(low, 0), n - max(high, 0)) for (low, high), n in zip(crops, x.shape[1:-1], strict=True)]
    cut = x[(slice(None), *cuts)]
    return np.pad(cut, [(0, 0), *pads, (0, 0)]) if any(map(any, pads)) else cut
