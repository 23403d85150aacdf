"""Sizes and paddings of sliding windows (convolution and pooling), with symbolic dims."""

from __future__ import annotations

from kexport.ir.dim import Dim, dim_max
from kexport.ops import check

Pairs = tuple[tuple[Dim, Dim], ...]
Ints = tuple[int, ...]
Padding = str | Pairs
"""`same` (as in TensorFlow: the odd one at the high side), `valid`, or (low, high) for each spatial axis."""


def check_padding(padding: Padding, axes: int) -> None:
    """Require `same`, `valid` or one pair for each axis."""
    if isinstance(padding, str):
        check.one_of(padding, ("same", "valid"), "padding")
        return
    check.length(padding, axes, "padding")
    for pair in padding:
        check.at_least(0, pair, "padding")


def extent(window: Dim, dilation: int) -> Dim:
    """How many elements a dilated window spans."""
    return (window - 1) * dilation + 1


def output_size(size: Dim, window: Dim, stride: int, dilation: int, padding: str | tuple[Dim, Dim]) -> Dim:
    """How many windows fit into `size`.

    Raises:
        GraphError: none does.
    """
    if padding == "same":
        return (size + (stride - 1)) // stride
    low, high = (0, 0) if isinstance(padding, str) else padding
    padded = size + low + high
    span = extent(window, dilation)
    check.at_most(span, padded, "the window spans more than the padded input")
    return (padded - span) // stride + 1


def output_sizes(
    sizes: tuple[Dim, ...],
    window: tuple[Dim, ...],
    strides: tuple[int, ...],
    dilation: tuple[int, ...],
    padding: Padding,
) -> tuple[Dim, ...]:
    """`output_size` along each spatial axis."""
    each = (padding,) * len(sizes) if isinstance(padding, str) else padding
    return tuple(map(output_size, sizes, window, strides, dilation, each))


def explicit_pads(
    sizes: tuple[Dim, ...],
    window: tuple[Dim, ...],
    strides: tuple[int, ...],
    dilation: tuple[int, ...],
    padding: Padding,
) -> Pairs:
    """`padding` as (low, high) for each spatial axis."""
    if not isinstance(padding, str):
        return padding
    if padding == "valid":
        return ((0, 0),) * len(sizes)
    return tuple(map(_same_pads, sizes, window, strides, dilation))


def _same_pads(size: Dim, window: Dim, stride: int, dilation: int) -> tuple[Dim, Dim]:
    out = output_size(size, window, stride, dilation, "same")
    total = dim_max((out - 1) * stride + extent(window, dilation) - size, 0)
    return total // 2, total - total // 2


def transpose_size(
    size: Dim, window: int, stride: int, dilation: int, padding: str | tuple[Dim, Dim], output_padding: int | None
) -> Dim:
    """The output size of a transposed convolution, as Keras has it.

    Explicit padding counts the elements cut off the low and the high end; output_padding is then added.
    """
    span = (window - 1) * dilation + 1
    if padding == "same":
        if output_padding is None:
            return size * stride
        return (size - 1) * stride + span % 2 + output_padding
    if padding == "valid":
        extra = max(stride - span, 0) if output_padding is None else output_padding
        return (size - 1) * stride + span + extra
    low, high = padding if isinstance(padding, tuple) else (0, 0)
    return (size - 1) * stride + span - low - high + (output_padding or 0)


def transpose_sizes(
    sizes: tuple[Dim, ...],
    window: tuple[int, ...],
    strides: tuple[int, ...],
    dilation: tuple[int, ...],
    padding: Padding,
    output_padding: tuple[int, ...] | None,
) -> tuple[Dim, ...]:
    """`transpose_size` along each spatial axis."""
    each = (padding,) * len(sizes) if isinstance(padding, str) else padding
    extra = output_padding or (None,) * len(sizes)
    found = tuple(map(transpose_size, sizes, window, strides, dilation, each, extra))
    check.at_least(1, found, "the output sizes")
    return found


def transpose_crops(
    sizes: tuple[Dim, ...],
    window: tuple[int, ...],
    strides: tuple[int, ...],
    dilation: tuple[int, ...],
    padding: Padding,
    output_padding: tuple[int, ...] | None,
) -> Pairs:
    """What a transposed convolution cuts off its full result, (low, high) for each spatial axis.

    The full result has size (size - 1) * stride + extent; a negative crop adds zeros (before the bias).
    """
    crops: list[tuple[Dim, Dim]] = []
    outs = transpose_sizes(sizes, window, strides, dilation, padding, output_padding)
    for i, (size, out) in enumerate(zip(sizes, outs, strict=True)):
        full = (size - 1) * strides[i] + extent(window[i], dilation[i])
        if isinstance(padding, tuple):
            low = padding[i][0]
        else:
            low = dim_max(full - out, 0) // 2 if padding == "same" else 0
        crops.append((low, full - out - low))
    return tuple(crops)
