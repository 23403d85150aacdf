"""A layer of any function of tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def layer_of(keras: Any, function: Callable[..., Any], name: str | None = None) -> Any:
    """A layer that calls it; what it gives is flattened."""

    class Calling(keras.layers.Layer):
        def call(self, *tensors: Any) -> Any:
            found = function(*tensors)
            return keras.tree.flatten(found) if isinstance(found, (tuple, list)) else found

    return Calling(name=name)
