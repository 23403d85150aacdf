"""A Source from a Keras model object: what goes in, what it is called, and how to run it."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

from kexport.capture.sources.frameworks import BACKEND_HINT
from kexport.capture.sources.integers import with_types
from kexport.capture.sources.run import run_graph, run_predict
from kexport.capture.sources.structure import flatten, paths, unique
from kexport.capture.sources.subclassed import subclassed_plan
from kexport.capture.tracing.trace import Source, Spec
from kexport.capture.versions import refuse_old_running
from kexport.errors import CaptureError


def is_keras_model(model: Any) -> bool:
    """Whether this is a Keras 3 model, told without importing Keras."""
    keras = sys.modules.get("keras")
    return keras is not None and hasattr(keras, "Model") and isinstance(model, keras.Model)


def model_of_function(source: Any) -> Any:
    """A `keras.Function`, which is a functional model's graph without the model, as a model; anything else as it is."""
    keras = sys.modules.get("keras")
    if keras is None or not isinstance(source, getattr(keras, "Function", ())) or is_keras_model(source):
        return source
    return keras.Model(source._inputs_struct, source._outputs_struct, name=source.name)


def is_keras2_model(model: Any) -> bool:
    """Whether this is a tf_keras model, told without importing it."""
    tf_keras = sys.modules.get("tf_keras")
    return tf_keras is not None and isinstance(model, tf_keras.Model)


def live_source(model: Any, *, example: Any = None, name: str | None = None, path: str | None = None) -> Source:
    """The Source of a Keras 3 model.

    A functional or sequential model knows its inputs: they are named by its Input layers, or by the keys of its dict of
    inputs; its outputs by dict keys or by the layers that make them. A subclassed one is described by `example` or by
    the shapes it was built with (see `subclassed.py`).

    Raises:
        CaptureError: Keras runs on another backend, the model is not built, or has sparse inputs.
        ConfigError: Keras or TensorFlow is too old.
    """
    _require_tensorflow(model)
    functional = functional_of(model)
    if functional is None:
        specs, structure, pack, by_name = subclassed_plan(model, example)
        names = None
    else:
        specs, structure, pack = functional_plan(model, functional)
        by_name = False
        names = unique(output_names(functional))

    def call(tensors: Sequence[Any]) -> Any:
        nest = pack(tensors)
        return model(**nest, training=False) if by_name else model(nest, training=False)

    if functional is None and example is None:
        specs = with_types(call, specs) or specs
    run = run_graph(call) if by_name else run_predict(model, pack)
    return Source(model, "keras", name or model.name, specs, structure, call, run, names, path)


def _require_tensorflow(model: Any) -> None:
    refuse_old_running()
    backend = sys.modules["keras"].backend.backend()
    if backend != "tensorflow":
        raise CaptureError(
            f"this model lives on the {backend} backend; capturing needs tensorflow",
            where=model.name,
            hint=BACKEND_HINT,
        )


def functional_of(model: Any) -> Any:
    """The functional graph of a model, None for a subclassed one or a Sequential that is not built."""
    if getattr(model, "_functional", None) is not None:
        return model._functional
    return model if hasattr(model, "_inputs_struct") else None


def functional_plan(model: Any, functional: Any) -> tuple[list[Spec], Any, Callable[[Sequence[Any]], Any]]:
    """Specs of a functional model's inputs, their structure, and a function that packs flat tensors. On any backend."""
    import keras

    tensors = functional.inputs
    nest = functional._inputs_struct
    _, structure = flatten(nest)
    by_key = isinstance(nest, dict)
    where = paths(structure)
    names = [w[0] if by_key and len(w) == 1 else _input_name(t) for w, t in zip(where, tensors, strict=True)]
    for name, tensor in zip(names, tensors, strict=True):
        if getattr(tensor, "sparse", False) or getattr(tensor, "ragged", False):
            raise CaptureError(
                f"input {name!r} is {'sparse' if tensor.sparse else 'ragged'}", hint="give the model a dense input"
            )
    shapes = [tuple(t.shape) for t in tensors]
    if functional is not model and _is_unnamed(names) and not _is_stateful(model):
        shapes = [(None, *s[1:]) for s in shapes]
    specs = [Spec(n, t.dtype, s) for n, t, s in zip(unique(map(str, names)), tensors, shapes, strict=True)]
    return specs, structure, lambda leaves: keras.tree.pack_sequence_as(nest, list(leaves))


def _input_name(tensor: Any) -> str:
    layer = tensor._keras_history.operation
    return layer.name if type(layer).__name__ == "InputLayer" else tensor.name


def _is_unnamed(names: list[Any]) -> bool:
    """A Sequential without an Input takes the batch size of its first call for the model's: that one is dynamic."""
    return all(re.fullmatch(r"input_layer(_\d+)?", str(n)) for n in names)


def _is_stateful(model: Any) -> bool:
    return any(getattr(layer, "stateful", False) for layer in model._flatten_layers())


def output_names(functional: Any) -> list[str]:
    """The names of a functional model's outputs, not yet unique: the dict keys, or the layers that make them."""
    _, structure = flatten(functional._outputs_struct)
    pairs = zip(paths(structure), functional.output_names, strict=True)
    return ["_".join(map(str, where)) if any(isinstance(p, str) for p in where) else name for where, name in pairs]
