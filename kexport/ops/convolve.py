"""Convolution and pooling in numpy."""

from __future__ import annotations

from kexport.ir.op import Array
from kexport.ops.window import Padding


def conv(
    x: Array, kernel: Array, strides: tuple[int, ...], dilation: tuple[int, ...], padding: Padding, groups: int
) -> Array:
    """Cross-correlation of x[N, *S, C] with kernel[*K, C/groups, O]."""
    raise NotImplementedError


def depthwise(x: Array, kernel: Array, strides: tuple[int, ...], dilation: tuple[int, ...], padding: Padding) -> Array:
    """Cross-correlation of each channel of x[N, *S, C] with kernel[*K, C, M]."""
    raise NotImplementedError


def conv_transpose(
    x: Array,
    kernel: Array,
    strides: tuple[int, ...],
    dilation: tuple[int, ...],
    padding: Padding,
    output_padding: tuple[int, ...] | None,
    groups: int,
) -> Array:
    """Transposed convolution of x[N, *S, C] with kernel[*K, O/groups, C]."""
    raise NotImplementedError


def max_pool(x: Array, window: tuple[int, ...], strides: tuple[int, ...], padding: Padding) -> Array:
    """The greatest element of each window."""
    raise NotImplementedError


def avg_pool(x: Array, window: tuple[int, ...], strides: tuple[int, ...], padding: Padding) -> Array:
    """The mean of each window."""
    raise NotImplementedError
