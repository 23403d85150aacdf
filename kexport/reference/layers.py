"""Records the outputs of every layer of a Keras model, by layer path."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from kexport.ir.op import Array

OPAQUE = ("RNN", "TimeDistributed")
"""Base classes of layers whose inner layers are not recorded: they call them many times, or on symbolic tensors."""


def layer_outputs(model: Any, nest: Any, by_name: bool = False) -> dict[str, Array]:
    """Call `model` eagerly on a nest of arrays and return the outputs of every layer inside it.

    A path is `encoder/block_1/dense`; a shared layer's second call `dense:1`, a second output `lstm#1`.
    """
    return layers_while(model, lambda: model(**nest, training=False) if by_name else model(nest, training=False))


def layers_while(model: Any, call: Callable[[], Any]) -> dict[str, Array]:
    """Return the outputs of every layer while `call` runs the model in its own way."""
    import keras

    with _recording(keras, model) as found:
        call()
    arrays: dict[str, Array] = {}
    calls = Counter[str]()
    for path, value in found:
        for i, tensor in enumerate(keras.tree.flatten(value)):
            if keras.ops.is_tensor(tensor):
                arrays[_key(path, calls[path], i)] = np.asarray(keras.ops.convert_to_numpy(tensor))
        calls[path] += 1
    return arrays


@contextmanager
def _recording(keras: Any, model: Any) -> Iterator[list[tuple[str, Any]]]:
    """Record, while entered, the path and the result of every call of a layer inside `model`."""
    layer_class = keras.layers.Layer
    found = list[tuple[str, Any]]()
    original = layer_class.__call__
    stack = list[Any]()

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        hidden = any(_is_opaque(layer) for layer in stack)
        stack.append(self)
        try:
            result = original(self, *args, **kwargs)
        finally:
            stack.pop()
        if self is not model and not hidden:
            path = [layer.name for layer in stack if layer is not model]
            found.append(("/".join([*path, self.name]), result))
        return result

    layer_class.__call__ = call
    try:
        yield found
    finally:
        layer_class.__call__ = original


def _is_opaque(layer: Any) -> bool:
    return any(base.__name__ in OPAQUE for base in type(layer).__mro__)


def _key(path: str, call: int, output: int) -> str:
    return path + (f":{call}" if call else "") + (f"#{output}" if output else "")
