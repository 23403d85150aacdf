"""Elementwise operations of one or two tensors, with numpy's broadcasting."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from kexport_shared.mil.dtypes import dtype_named

Array = np.ndarray
ERF = np.frompyfunc(math.erf, 1, 1)


def erf(x: Array) -> Array:
    """The error function."""
    return np.asarray(ERF(x)).astype(x.dtype)


def inverse(x: Array, epsilon: Array | float = 1e-4) -> Array:
    """1 / (x + epsilon)."""
    return 1 / (x + epsilon)


def log(x: Array, epsilon: Array | float = 1e-45) -> Array:
    """log(x + epsilon)."""
    return np.log(x + epsilon)


def rsqrt(x: Array, epsilon: Array | float = 1e-12) -> Array:
    """1 / sqrt(x + epsilon)."""
    return 1 / np.sqrt(x + epsilon)


def clip(x: Array, alpha: Array, beta: Array) -> Array:
    """x held between alpha and beta."""
    return np.minimum(np.maximum(x, alpha), beta)


def threshold(x: Array, alpha: Array) -> Array:
    """max(x, alpha)."""
    return np.maximum(x, alpha)


def cast(x: Array, dtype: str) -> Array:
    """x as another type; real numbers lose their fraction, anything but zero is true."""
    wanted = dtype_named(dtype)
    if wanted.name == "bool":
        return x != 0
    if wanted.is_float:
        return x.astype(np.float64) if x.dtype.kind != "f" else x
    return np.trunc(x).astype(np.int64).astype(wanted.holder) if x.dtype.kind == "f" else x.astype(wanted.holder)


def _unary(function: Callable[[Any], Any]) -> Callable[..., Array]:
    def run(x: Array) -> Array:
        return np.asarray(function(x))

    return run


def _binary(function: Callable[[Any, Any], Any]) -> Callable[..., Array]:
    def run(x: Array, y: Array) -> Array:
        return np.asarray(function(x, y))

    return run


def _power(x: Array, y: Array) -> Array:
    return np.power(x.astype(np.float64), y) if x.dtype.kind in "iu" else np.power(x, y)


def _logical(function: Callable[[Any, Any], Any]) -> Callable[..., Array]:
    return _binary(lambda x, y: function(x != 0, y != 0))


UNARY = {
    "abs": np.abs,
    "acos": np.arccos,
    "asin": np.arcsin,
    "atan": np.arctan,
    "atanh": np.arctanh,
    "ceil": np.ceil,
    "cos": np.cos,
    "cosh": np.cosh,
    "exp": np.exp,
    "exp2": np.exp2,
    "floor": np.floor,
    "identity": np.positive,
    "logical_not": np.logical_not,
    "round": np.rint,
    "sign": np.sign,
    "sin": np.sin,
    "sinh": np.sinh,
    "sqrt": np.sqrt,
    "square": np.square,
    "tan": np.tan,
    "tanh": np.tanh,
}
BINARY = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "real_div": np.true_divide,
    "floor_div": np.floor_divide,
    "mod": np.mod,
    "pow": _power,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "equal": np.equal,
    "not_equal": np.not_equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
}
LOGICAL = {"logical_and": np.logical_and, "logical_or": np.logical_or, "logical_xor": np.logical_xor}


def select(cond: Array, a: Array, b: Array) -> Array:
    """a where the condition holds, else b."""
    return np.where(cond, a, b)


OPERATIONS: dict[str, Callable[..., Any]] = {
    **{name: _unary(f) for name, f in UNARY.items()},
    **{name: _binary(f) for name, f in BINARY.items()},
    **{name: _logical(f) for name, f in LOGICAL.items()},
    "identity": lambda x: x,
    "erf": erf,
    "inverse": inverse,
    "log": log,
    "rsqrt": rsqrt,
    "clip": clip,
    "threshold": threshold,
    "cast": cast,
    "select": select,
}
