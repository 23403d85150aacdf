"""Convolutions, channels first, in one to three spatial axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kexport.errors import VerifyError
from kexport_shared.mil.ops.window import Window, ints, padded, window

Array = np.ndarray


def conv(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    strides: Array | None = None,
    pad_type: str = "valid",
    pad: Array | None = None,
    dilations: Array | None = None,
    groups: Array | int = 1,
) -> Array:
    """Correlation of x [N, C, *S] with weight [O, C / groups, *K]."""
    rank = x.ndim - 2
    groups = int(groups)
    _channels(x.shape[1], weight.shape[1] * groups, weight.shape[0], groups)
    steps = ints(strides, rank, 1)
    gaps = ints(dilations, rank, 1)
    chosen = window(x.shape[2:], weight.shape[2:], steps, gaps, pad_type, ints(pad, 2 * rank, 0))
    source = padded(x, chosen, 0)
    n = x.shape[0]
    outs = weight.shape[0]
    split = source.reshape(n, groups, -1, *source.shape[2:])
    kernel = weight.reshape(groups, outs // groups, -1, *weight.shape[2:])
    total = _by_tap(split, kernel, chosen)
    return _biased(total.reshape(n, outs, *chosen.counts), bias)


def _by_tap(source: Array, kernel: Array, chosen: Window) -> Array:
    """The sum over taps; source is [N, G, C, *S], kernel [G, O, C, *K], the result [N, G, O, places]."""
    total: Any = 0
    places = int(np.prod(chosen.counts))
    for tap, part in chosen.slices():
        seen = source[(slice(None),) * 3 + part].reshape(*source.shape[:3], places)
        factor = kernel[(slice(None),) * 3 + tap]
        total = total + (factor * seen if kernel.shape[2] == 1 else factor @ seen)
    return total


def conv_transpose(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    pad: Array | None = None,
    output_shape: Array | None = None,
    pad_type: str = "valid",
    strides: Array | None = None,
    dilations: Array | None = None,
    groups: Array | int = 1,
) -> Array:
    """The transpose of a convolution: x [N, C, *S] spread by weight [C, O / groups, *K]."""
    rank = x.ndim - 2
    groups = int(groups)
    steps = ints(strides, rank, 1)
    gaps = ints(dilations, rank, 1)
    taps = weight.shape[2:]
    outs = weight.shape[1] * groups
    _channels(x.shape[1], weight.shape[0], outs, groups)
    full = tuple((s - 1) * t + (k - 1) * d + 1 for s, t, k, d in zip(x.shape[2:], steps, taps, gaps, strict=True))
    whole = _spread(x, weight, groups, Window(taps, steps, gaps, (), x.shape[2:]), full)
    sizes = None if output_shape is None else ints(output_shape, rank + 2, 0)[-rank:]
    crops = _crops(full, x.shape[2:], steps, pad_type, ints(pad, 2 * rank, 0), sizes)
    return _biased(_cropped(whole, crops), bias)


def _spread(x: Array, weight: Array, groups: int, chosen: Window, full: tuple[int, ...]) -> Array:
    n, channels = x.shape[:2]
    source = x.reshape(n, groups, channels // groups, -1)
    kernel = weight.reshape(groups, channels // groups, -1, *weight.shape[2:])
    result = np.zeros((n, groups, kernel.shape[2], *full), x.dtype)
    for tap, part in chosen.slices():
        factor = np.swapaxes(kernel[(slice(None),) * 3 + tap], 1, 2)
        result[(slice(None),) * 3 + part] += (factor @ source).reshape(n, groups, -1, *x.shape[2:])
    return result.reshape(n, -1, *full)


def _crops(
    full: tuple[int, ...],
    sizes: tuple[int, ...],
    steps: tuple[int, ...],
    kind: str,
    pad: tuple[int, ...],
    wanted: tuple[int, ...] | None,
) -> list[tuple[int, int]]:
    """What is cut off before and after every axis; negative where zeros are added."""
    found = []
    for i, whole in enumerate(full):
        if kind in ("same", "same_lower"):
            total = whole - (wanted[i] if wanted else sizes[i] * steps[i])
            small = total // 2
            found.append((small, total - small) if kind == "same" else (total - small, small))
        elif kind in ("valid", "custom"):
            before, after = (pad[2 * i], pad[2 * i + 1]) if kind == "custom" else (0, 0)
            found.append((before, whole - before - wanted[i] if wanted else after))
        else:
            raise VerifyError(f"there is no padding {kind}")
    return found


def _cropped(whole: Array, crops: list[tuple[int, int]]) -> Array:
    room = [(max(0, -b), max(0, -a)) for b, a in crops]
    if any(b or a for b, a in room):
        whole = np.pad(whole, ((0, 0), (0, 0), *room))
    ends = zip(crops, whole.shape[2:], strict=True)
    return whole[(slice(None), slice(None), *(slice(max(0, b), n - max(0, a)) for (b, a), n in ends))]


def conv_quantized(
    x: Array,
    weight: Array,
    quantization_type: str,
    quant_scale: Array,
    quant_bias: Array,
    bias: Array | None = None,
    nbits: Array | int = 8,
    **window_parameters: Any,
) -> Array:
    """A convolution whose weights are integers times a scale plus a bias."""
    if quantization_type != "linear":
        raise VerifyError("conv_quantized with a look-up table has no published layout")
    column = (-1, *(1,) * (weight.ndim - 1))
    real = weight * np.reshape(quant_scale, column) + np.reshape(quant_bias, column)
    return conv(x, real.astype(x.dtype), bias, **window_parameters)


def _channels(given: int, expected: int, outs: int, groups: int) -> None:
    if given != expected or outs % groups or given % groups:
        raise VerifyError(f"{given} channels in {groups} groups do not fit weights for {expected} of them")


def _biased(x: Array, bias: Array | None) -> Array:
    return x if bias is None else x + bias.reshape(-1, *(1,) * (x.ndim - 2))


OPERATIONS: dict[str, Callable[..., Any]] = {
    "conv": conv,
    "conv_transpose": conv_transpose,
    "conv_quantized": conv_quantized,
}
