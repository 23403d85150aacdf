"""Sizes and paddings of windows: symbolic agrees with fixed, explicit pads agree with `same`."""

from __future__ import annotations

import itertools

import pytest

from kexport.ir.dim import substitute, symbol
from kexport.ops.window import explicit_pads, output_sizes, transpose_crops, transpose_sizes

N = symbol("n")
WINDOWS = list(itertools.product((1, 2, 3, 5), (1, 2, 3), (1, 2)))
"""Window, stride, dilation."""


@pytest.mark.parametrize("padding", ["same", "valid", ((1, 2),)])
def test_symbolic_sizes_and_pads_bind_to_the_fixed_ones(padding: str) -> None:
    for (window, stride, dilation), n in itertools.product(WINDOWS, (9, 10, 11, 12)):
        rest = ((window,), (stride,), (dilation,), padding)
        (size,) = output_sizes((N,), *rest)
        ((low, high),) = explicit_pads((N,), *rest)
        assert (substitute(size, {"n": n}),) == output_sizes((n,), *rest)
        assert ((substitute(low, {"n": n}), substitute(high, {"n": n})),) == explicit_pads((n,), *rest)


def test_same_is_explicit_with_the_odd_one_at_the_high_side() -> None:
    for (window, stride, dilation), n in itertools.product(WINDOWS, (1, 2, 9, 10)):
        args = ((n,), (window,), (stride,), (dilation,))
        pads = explicit_pads(*args, "same")
        assert output_sizes(*args, pads) == output_sizes(*args, "same") == (-(-n // stride),)
        ((low, high),) = pads
        assert high - low in (0, 1)


def test_same_with_stride_1_has_the_same_pads_for_every_size() -> None:
    assert explicit_pads((N, N), (4, 3), (1, 1), (1, 2), "same") == ((1, 2), (2, 2))


@pytest.mark.parametrize("padding", ["same", "valid", ((1, 0),)])
@pytest.mark.parametrize("extra", [None, (0,), (1,)])
def test_crops_cut_the_full_result_to_the_output_size(padding: str, extra: tuple[int, ...] | None) -> None:
    for (window, stride, dilation), n in itertools.product(WINDOWS, (2, 3, 8)):
        args = ((window,), (stride,), (dilation,), padding, extra)
        (size,) = transpose_sizes((n,), *args)
        ((low, high),) = transpose_crops((n,), *args)
        assert (n - 1) * stride + (window - 1) * dilation + 1 - low - high == size
        assert transpose_crops((N,), *args)[0] == (low, high)
        assert substitute(transpose_sizes((N,), *args)[0], {"n": n}) == size
