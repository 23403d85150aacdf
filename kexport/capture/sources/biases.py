"""Finds biases of channels-first layers that Keras adds along the wrong axis if that has as many elements."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def remarks_on_biases(layers: Iterable[Any]) -> list[str]:
    """A sentence on each layer whose bias depends on a size that is open.

    Source: keras/src/backend/tensorflow/numpy.py, add(), which takes what looks like a bias for one of the last axis if
    that is as long.
    """
    found = [(layer.name, count) for layer in layers if (count := _ambiguous(layer))]
    return [
        f"{name}: where the last axis of its result has {count} elements, Keras adds the bias along that axis; "
        "artifacts add it to the channels at every size"
        for name, count in dict(found).items()
    ]


def _ambiguous(layer: Any) -> int:
    """How many elements the bias has, if it is of channels that come first, and the last axis is open; else 0."""
    if getattr(layer, "data_format", None) != "channels_first" or getattr(layer, "bias", None) is None:
        return 0
    try:
        shape = tuple(layer.output.shape)
    except (AttributeError, ValueError):  # a layer that is called several times, or not at all
        return 0
    (count,) = layer.bias.shape if len(layer.bias.shape) == 1 else (0,)
    return int(count) if len(shape) > 2 and shape[-1] is None and count > 1 else 0
