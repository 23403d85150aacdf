"""Where expected results come from: TensorFlow and Keras (imported on first use), or Python's own numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@cache
def tensorflow() -> Any:
    """TensorFlow, on the CPU."""
    import tensorflow as tf

    return tf


@cache
def keras() -> Any:
    """Keras on TensorFlow."""
    import keras

    assert keras.backend.backend() == "tensorflow"
    return keras


def tf_call(path: str, *before: Any, **options: Any) -> Callable[..., Any]:
    """`tf.<path>(*operands, **options)`; `before` are arguments that come first."""
    return lambda *arrays: to_numpy(_find(tensorflow(), path)(*before, *arrays, **options))


def keras_call(path: str, **options: Any) -> Callable[..., Any]:
    """`keras.<path>(*operands, **options)`."""
    return lambda *arrays: to_numpy(_find(keras(), path)(*map(keras().ops.convert_to_tensor, arrays), **options))


def each(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of Python numbers at every element of the broadcast operands."""

    def expected(*arrays: Array) -> Array:
        broadcast = np.broadcast_arrays(*arrays)
        flat = zip(*(a.reshape(-1).tolist() for a in broadcast), strict=True)
        return np.array([_guarded(function, args) for args in flat]).reshape(broadcast[0].shape)

    return expected


def to_numpy(result: Any) -> Any:
    """Tensors as arrays."""
    if isinstance(result, (tuple, list)):
        return tuple(map(to_numpy, result))
    return np.asarray(result)


def pad_spatial(x: Array, pads: Sequence[tuple[int, int]], value: float = 0.0) -> Array:
    """x[N, *S, C] with its spatial axes padded."""
    return np.pad(x, [(0, 0), *pads, (0, 0)], constant_values=value)


def _find(module: Any, path: str) -> Any:
    for part in path.split("."):
        module = getattr(module, part)
    return module


def _guarded(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    try:
        return function(*args)
    except OverflowError:
        return math.inf
    except (ValueError, ZeroDivisionError):
        return math.nan
