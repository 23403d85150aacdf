"""Knows where Keras' `predict` differs from what the layers mean; needs no TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def loops_over_the_batch(model: Any) -> bool:
    """Whether a TimeDistributed layer has an open number of steps.

    In a graph Keras 3.15 loops over as many steps as the batch has samples then: `predict` cuts the others off, or
    fails. Called eagerly, such a model does what it means.
    """
    return any(map(_has_open_time, _layers(model)))


def _layers(model: Any) -> Iterator[Any]:
    return iter(model._flatten_layers()) if hasattr(model, "_flatten_layers") else iter(())


def _has_open_time(layer: Any) -> bool:
    if not any(c.__name__ == "TimeDistributed" and c.__module__.split(".")[0] == "keras" for c in type(layer).__mro__):
        return False  # Keras 2, whose module is tf_keras, does it right
    shapes = [t.shape for node in getattr(layer, "_inbound_nodes", ()) for t in node.input_tensors]
    return not shapes or any(len(s) > 1 and s[1] is None for s in shapes)
