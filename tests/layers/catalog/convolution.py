"""Convolutions: plain, depthwise, separable and transposed, in one to three dimensions."""

from __future__ import annotations

from typing import Any

from tests.layers.item import Entry, Feed

LINE = (11, 4)
OPEN_LINE = (None, 4)
IMAGE = (9, 8, 4)
OPEN_IMAGE = (None, None, 4)
BLOCK = (6, 5, 5, 4)
OPEN_BLOCK = (None, None, None, 4)
COMMON: dict[str, tuple[Any, ...]] = {
    "use_bias": (False,),
    "activation": ("relu", "tanh"),
    "data_format": ("channels_first",),
}
FIRST = {"data_format": "channels_first"}


def plain(feed: Feed, rank: int, causal: bool = False) -> tuple[Entry, ...]:
    """Conv1D to Conv3D."""
    uneven = tuple(range(1, rank + 1)) if rank > 1 else 3
    vary = {
        "kernel_size": (1, 2, uneven),
        "strides": (2, 3),
        "padding": ("same", *["causal"] * causal),
        "dilation_rate": (2,),
        "groups": (2, 4),
        **COMMON,
    }
    also = (
        {"strides": 2, "padding": "same"},
        {"dilation_rate": 2, "padding": "same"},
        {"groups": 2, "padding": "same"},
        {"strides": uneven, "padding": "same"},
        {"groups": 4, "strides": 2, "activation": "relu"},
        {**FIRST, "padding": "same", "strides": 2},
        *[{"padding": "causal", "dilation_rate": 2}] * causal,
        *[{"padding": "causal", "strides": 2}] * causal,
    )
    return (Entry((feed,), {"filters": 8, "kernel_size": 3}, vary, also),)


def depthwise(feed: Feed) -> tuple[Entry, ...]:
    """DepthwiseConv1D and DepthwiseConv2D."""
    vary = {
        "kernel_size": (1, 2),
        "strides": (2,),
        "padding": ("same",),
        "depth_multiplier": (2, 3),
        "dilation_rate": (2,),
        **COMMON,
    }
    also = (
        {"strides": 2, "padding": "same"},
        {"dilation_rate": 2, "padding": "same", "depth_multiplier": 2},
        {**FIRST, "padding": "same", "depth_multiplier": 2},
    )
    return (Entry((feed,), {"kernel_size": 3}, vary, also),)


def separable(feed: Feed) -> tuple[Entry, ...]:
    """SeparableConv1D and SeparableConv2D."""
    vary = {
        "kernel_size": (2,),
        "strides": (2,),
        "padding": ("same",),
        "depth_multiplier": (2,),
        "dilation_rate": (2,),
        **COMMON,
    }
    also = ({"strides": 2, "padding": "same"}, {"dilation_rate": 2, "padding": "same", "depth_multiplier": 2})
    return (Entry((feed,), {"filters": 6, "kernel_size": 3}, vary, also),)


def transposed(feed: Feed) -> tuple[Entry, ...]:
    """Conv1DTranspose to Conv3DTranspose."""
    vary = {
        "kernel_size": (1, 2, 4),
        "strides": (2, 3),
        "padding": ("same",),
        "dilation_rate": (2,),
        **COMMON,
    }
    also = (
        {"strides": 2, "padding": "same"},
        {"strides": 3, "padding": "same", "kernel_size": 2},
        {"strides": 2, "output_padding": 1},
        {"strides": 2, "output_padding": 0, "padding": "same"},
        {"dilation_rate": 2, "padding": "same"},
        {"kernel_size": 4, "strides": 2, "padding": "same"},
        {**FIRST, "strides": 2, "padding": "same"},
        {"strides": 2, "activation": "relu", "use_bias": False},
    )
    return (Entry((feed,), {"filters": 5, "kernel_size": 3}, vary, also),)


CONVOLUTION = {
    "Conv1D": plain(Feed(LINE, open=OPEN_LINE), 1, causal=True),
    "Conv2D": plain(Feed(IMAGE, open=OPEN_IMAGE), 2),
    "Conv3D": plain(Feed(BLOCK, open=OPEN_BLOCK), 3),
    "DepthwiseConv1D": depthwise(Feed(LINE, open=OPEN_LINE)),
    "DepthwiseConv2D": depthwise(Feed(IMAGE, open=OPEN_IMAGE)),
    "SeparableConv1D": separable(Feed(LINE, open=OPEN_LINE)),
    "SeparableConv2D": separable(Feed(IMAGE, open=OPEN_IMAGE)),
    "Conv1DTranspose": transposed(Feed(LINE, open=OPEN_LINE)),
    "Conv2DTranspose": transposed(Feed((5, 4, 4), open=OPEN_IMAGE)),
    "Conv3DTranspose": transposed(Feed((4, 3, 4, 4), open=OPEN_BLOCK)),
}
