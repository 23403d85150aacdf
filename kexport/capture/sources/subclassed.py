"""What goes into a subclassed model: read off an example, or off the shapes it was built with."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kexport.capture.sources.structure import flatten, paths, unflatten, unique
from kexport.capture.tracing.trace import Spec
from kexport.errors import CaptureError

Plan = tuple[list[Spec], Any, Callable[[Sequence[Any]], Any], bool]

EXAMPLE_HINT = (
    "give a batch as the model's call takes it: --example inputs.npz with an array for each input by its name, in "
    "Python example=… (arrays, keras.Input or tf.TensorSpec); names that are arguments of call are passed as such"
)


@dataclass(frozen=True)
class Shape:
    """A leaf that is only known by its shape."""

    shape: tuple[int | None, ...]


def subclassed_plan(model: Any, example: Any) -> Plan:
    """Specs, their structure, a function that packs flat tensors, and whether the pack is keyword arguments.

    Arrays and recorded shapes give a dynamic first dim; specs (keras.Input, tf.TensorSpec, keras.InputSpec) are taken
    as they stand. Inputs are named by the dict keys that lead to them, else by the argument of `call`.

    Raises:
        CaptureError: nothing is known about the inputs, or not enough.
    """
    parameters = list(inspect.signature(model.call).parameters)
    nest = built_shapes(model) if example is None else example
    by_name = isinstance(nest, dict) and bool(nest) and set(nest) <= set(parameters)
    if by_name and list(nest) == parameters[:1]:
        nest = nest[parameters[0]]
        by_name = False
    leaves, structure = flatten(nest)
    if not leaves:
        raise CaptureError("the example holds no tensor", where=model.name, hint=EXAMPLE_HINT)
    names = [_name(path, leaf, parameters) for path, leaf in zip(paths(structure), leaves, strict=True)]
    specs = [_spec(name, leaf, model) for name, leaf in zip(unique(names), leaves, strict=True)]
    return specs, structure, lambda flat: unflatten(structure, list(flat)), by_name


def _name(path: Sequence[Any], leaf: Any, parameters: Sequence[str]) -> str:
    """The keys that lead to an input; else the name that the user gave a keras.Input, or the argument of `call`."""
    if any(isinstance(part, str) for part in path):
        return "_".join(map(str, path))
    given = getattr(leaf, "name", None)
    if isinstance(given, str) and not re.fullmatch(r"keras_tensor(_\d+)?", given):
        return given
    return "_".join(map(str, (*parameters[:1], *path)))


def built_shapes(model: Any) -> Any:
    """The nest of shapes that the model was built with: Keras records them when the model is first called.

    Raises:
        CaptureError: the model was never built, or its call takes more than was recorded.
    """
    recorded = getattr(model, "_build_shapes_dict", None)
    if not model.built or not recorded or any(v is None for v in recorded.values()):
        raise CaptureError(
            "the model is not built, so that its inputs and weights are unknown",
            where=model.name,
            hint=f"call it once on a batch before exporting it, or {EXAMPLE_HINT}",
        )
    missing = _required(model)[len(recorded) :]
    if missing:
        raise CaptureError(
            f"call also needs {', '.join(missing)}, of which Keras records no shape",
            where=model.name,
            hint=EXAMPLE_HINT,
        )
    if len(recorded) == 1:
        return _shapes(next(iter(recorded.values())))
    return {key.removesuffix("_shape"): _shapes(value) for key, value in recorded.items()}


def _required(model: Any) -> list[str]:
    parameters = inspect.signature(model.call).parameters.values()
    return [p.name for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]


def _shapes(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _shapes(v) for k, v in value.items()}
    if all(isinstance(d, int) or d is None for d in value):
        return Shape((None, *value[1:]) if value else ())
    return [_shapes(v) for v in value]


def _spec(name: str, leaf: Any, model: Any) -> Spec:
    if isinstance(leaf, Shape):
        return Spec(name, model.input_dtype, leaf.shape)
    array = _as_array(leaf)
    if array is not None:
        return Spec(name, _dtype_of(array), (None, *array.shape[1:]) if array.ndim else ())
    if getattr(leaf, "shape", None) is None:
        text = f"example {name!r} is a {type(leaf).__name__}, no tensor"
        raise CaptureError(text, where=model.name, hint=EXAMPLE_HINT)
    dtype = getattr(leaf.dtype, "name", leaf.dtype) or model.input_dtype
    return Spec(name, dtype, tuple(leaf.shape))


def _as_array(leaf: Any) -> np.ndarray[Any, Any] | None:
    """The values of a leaf; None for a symbolic tensor or a spec, which have none."""
    if not hasattr(leaf, "__array__") and not isinstance(leaf, (int, float, bool, str, bytes)):
        return None
    try:
        return np.asarray(leaf)
    except (ValueError, TypeError, NotImplementedError):
        return None


def _dtype_of(array: np.ndarray[Any, Any]) -> str:
    if array.dtype.kind in "USO":
        return "string"
    return "float32" if array.dtype == np.float64 else array.dtype.name
