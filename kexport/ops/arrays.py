"""How `evaluate` methods compute: half precision through float32, dims in object arrays, arrays for scalars."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from kexport.errors import GraphError
from kexport.ir import types
from kexport.ir.dim import UndecidableDim
from kexport.ir.op import Array

HALF = types.HALF
"""Element types that are computed in float32 and rounded once, at the end."""


def compute(fn: Callable[..., Any], *operands: Array) -> Array:
    """`fn(*operands)` as an array, quiet about NaN and infinity.

    Half precision goes through float32. Object arrays, which hold dims, stay object arrays.

    Raises:
        UndecidableDim: `fn` has no meaning for symbolic dims.
    """
    half = next((x.dtype for x in operands if x.dtype in HALF), None)
    if half is not None:
        operands = tuple(x.astype(np.float32) if x.dtype == half else x for x in operands)
    with np.errstate(all="ignore"):
        try:
            result = fn(*operands)
        except TypeError as e:
            if is_symbolic(*operands):
                raise UndecidableDim(f"not a function of dimensions: {e}") from e
            raise
    if half is not None and result.dtype == np.float32:
        return np.asarray(result.astype(half))
    one_dim = is_symbolic(*operands) and not isinstance(result, (np.ndarray, np.generic))
    return np.asarray(result, dtype=object if one_dim else None)


def times(x: Array, matrix: Array) -> Array:
    """x[..., K] @ matrix[K, N] as one product of matrices."""
    rows = x.reshape(prod(x.shape[:-1]), x.shape[-1])
    return (rows @ matrix).reshape(*x.shape[:-1], matrix.shape[-1])


def is_symbolic(*arrays: Array) -> bool:
    """Whether an operand is an object array that holds dims, not text."""
    return any(x.dtype == object and not (x.size and isinstance(x.flat[0], str)) for x in arrays)


def indices(values: Array, size: int) -> Array:
    """Indices into an axis of `size` as int64.

    Raises:
        GraphError: an index is out of range.
        UndecidableDim: an index is symbolic.
    """
    try:
        found = values.astype(np.int64)
    except TypeError as e:
        raise UndecidableDim(f"an index depends on the input size: {values.tolist()}") from e
    if found.size and not (found.min() >= 0 and found.max() < size):
        raise GraphError(f"indices from {found.min()} to {found.max()} do not fit into an axis of size {size}")
    return found


def lowest(dtype: np.dtype[Any]) -> Any:
    """The least value of an element type: minus infinity for floats."""
    return -np.inf if _is_float(dtype) else np.iinfo(dtype).min


def highest(dtype: np.dtype[Any]) -> Any:
    """The greatest value of an element type: infinity for floats."""
    return np.inf if _is_float(dtype) else np.iinfo(dtype).max


def _is_float(dtype: np.dtype[Any]) -> bool:
    return dtype.kind == "f" or dtype in HALF
