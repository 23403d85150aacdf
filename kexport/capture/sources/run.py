"""Running a model on arrays in the order of the contract: the truth that captures are compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kexport.capture.sources.structure import flatten
from kexport.capture.trace import Array

Run = Callable[[Sequence[Array]], list[Array]]


def run_predict(model: Any, pack: Callable[[Sequence[Any]], Any]) -> Run:
    """Run by `model.predict_on_batch` (Keras 2 and 3), or eagerly where a layer branches on tensors in Python."""
    import tensorflow as tf

    def run(arrays: Sequence[Array]) -> list[Array]:
        nest = pack([_as_tensor(a) for a in arrays])
        try:
            return arrays_of(model.predict_on_batch(nest))
        except tf.errors.OperatorNotAllowedInGraphError:
            return arrays_of(model(nest, training=False))

    return run


def run_graph(call: Callable[[Sequence[Any]], Any]) -> Run:
    """Run by `call` inside a tf.function, for models that `predict` cannot feed (several call arguments)."""
    import tensorflow as tf

    function = tf.function(call, autograph=False)

    def run(arrays: Sequence[Array]) -> list[Array]:
        return arrays_of(function([_as_tensor(a) for a in arrays]))

    return run


def arrays_of(nest: Any) -> list[Array]:
    """The leaves of a nest of tensors or arrays as numpy arrays."""
    return [np.asarray(leaf) for leaf in flatten(nest)[0]]


def _as_tensor(array: Array) -> Any:
    import tensorflow as tf

    return tf.convert_to_tensor(array)
