"""Checks that `infer` methods share; each raises GraphError with the values that do not fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kexport.errors import GraphError
from kexport.ir.dim import Dim, SymDim, UndecidableDim
from kexport.ir.types import DType, TensorType

KINDS: dict[str, Callable[[DType], bool]] = {
    "floating-point": lambda d: d.is_float,
    "integer": lambda d: d.is_int,
    "boolean": lambda d: d is DType.BOOL,
    "numeric": lambda d: d.is_float or d.is_int or d is DType.C64,
    "real": lambda d: d.is_float or d.is_int,
    "text": lambda d: d is DType.STRING,
    "any": lambda d: True,
}
"""Families of element types by the word used in messages."""


def kind(wanted: str, *types: TensorType) -> None:
    """Require element types of one family (a key of `KINDS`)."""
    for t in types:
        if not KINDS[wanted](t.dtype):
            raise GraphError(f"needs {wanted} elements, got {t.dtype}")


def same_dtype(*types: TensorType) -> DType:
    """Require one element type; returns it."""
    if any(t.dtype != types[0].dtype for t in types):
        raise GraphError(f"needs one element type, got {' and '.join(dict.fromkeys(str(t.dtype) for t in types))}")
    return types[0].dtype


def rank(x: TensorType, wanted: int, what: str = "the operand") -> None:
    """Require a rank."""
    if x.rank != wanted:
        raise GraphError(f"{what} needs rank {wanted}, got {x}")


def length(values: Sequence[object], wanted: int, what: str) -> None:
    """Require one value of an attribute for each of `wanted` axes."""
    if len(values) != wanted:
        raise GraphError(f"{what} needs {wanted} values, got {show(values)}")


def axis(value: int, rank: int, what: str = "axis") -> int:
    """An axis counted from the front; `value` may count from the back."""
    if not -rank <= value < rank:
        raise GraphError(f"{what} {value} is out of range for rank {rank}")
    return value % rank


def axes(values: Sequence[int], rank: int) -> tuple[int, ...]:
    """Axes counted from the front, sorted, without repetition."""
    found = tuple(sorted(axis(v, rank) for v in values))
    if len(set(found)) != len(found):
        raise GraphError(f"axes {tuple(values)} name an axis twice")
    return found


def at_least(least: int, values: Sequence[Dim], what: str) -> None:
    """Require values of at least `least`, where that can be decided."""
    if not all(_may_be_ordered(least, v) for v in values):
        raise GraphError(f"{what} must be at least {least}, got {show(values)}")


def at_most(low: Dim, high: Dim, what: str) -> None:
    """Require `low <= high`, where that can be decided; it is checked again once symbols are bound."""
    if not _may_be_ordered(low, high):
        raise GraphError(f"{what}: {low} is more than {high}")


def _may_be_ordered(low: Dim, high: Dim) -> bool:
    try:
        return low <= high
    except UndecidableDim:
        return True


def show(values: Sequence[object]) -> str:
    """Values as in a type: `[batch,3]`."""
    return f"[{','.join(map(str, values))}]"


def static(value: Dim, what: str) -> int:
    """Require a dim that is an int."""
    if isinstance(value, SymDim):
        raise GraphError(f"{what} must be a fixed size, got {value}")
    return value


def one_of(value: str, allowed: Sequence[str], what: str) -> None:
    """Require a word out of a list."""
    if value not in allowed:
        raise GraphError(f"{what} must be one of {', '.join(allowed)}, got {value!r}")
