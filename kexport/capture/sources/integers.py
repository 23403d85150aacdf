"""Finds the element types that a subclassed model takes: Keras records only the shapes it was built with."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from kexport.capture.tracing.trace import Spec

TYPES = ("float32", "int32", "string")
"""The types to try for an input, in this order."""
MAX_INPUTS = 4
"""With more inputs, only equal types for all are tried."""


def with_types(call: Callable[[Sequence[Any]], Any], specs: list[Spec]) -> list[Spec] | None:
    """The specs with element types that the model takes; None if it takes none that was tried.

    What it takes as floats and turns into whole numbers or text at once, as a layer of embeddings or of words does, is
    taken for these.
    """
    for types in _choices(specs):
        tried = [s._replace(dtype=t) for s, t in zip(specs, types, strict=True)]
        placeholders = _traced(call, tried)
        if placeholders is not None:
            return [s._replace(dtype=_meant(p) or s.dtype) for s, p in zip(tried, placeholders, strict=True)]
    return None


def _choices(specs: Sequence[Spec]) -> list[tuple[str, ...]]:
    own = tuple(s.dtype for s in specs)
    same = [(t,) * len(specs) for t in TYPES]
    mixed = list(itertools.product(TYPES, repeat=len(specs))) if len(specs) <= MAX_INPUTS else []
    return list(dict.fromkeys([own, *same, *mixed]))


def _traced(call: Callable[[Sequence[Any]], Any], specs: Sequence[Spec]) -> list[Any] | None:
    """The placeholders of a trace of the model; None if it cannot be traced."""
    import tensorflow as tf
    from tensorflow.python.framework.func_graph import func_graph_from_py_func

    signature = tuple(tf.TensorSpec(s.shape, s.dtype, f"input_{i}") for i, s in enumerate(specs))

    def body(*tensors: Any) -> list[Any]:
        return tf.nest.flatten(call(tensors))

    try:
        graph = func_graph_from_py_func("kexport_types", body, signature, {}, add_control_dependencies=False)
    except Exception:  # noqa: BLE001  whatever the user's layers raise, this type is not theirs
        return None
    return list(graph.inputs[: len(specs)])


def _meant(placeholder: Any) -> str | None:
    """Return the type that all users of an input cast it to at once."""
    made = {(user.type, user.outputs[0].dtype.name) for user in placeholder.consumers()}
    if made and made <= {("Cast", "int32"), ("Cast", "int64")}:
        return "int32"
    return "string" if made and {kind for _, kind in made} == {"string"} else None
