"""Checks the values of an op's attributes against their annotations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

from kexport.ir.dim import SymDim
from kexport.ir.op import is_graph
from kexport.ir.types import DType

Check = Callable[[Any], bool]


def fits(value: Any, annotation: str) -> bool:
    """Return whether a value fits the annotation of an attribute; an unknown annotation fits anything."""
    check = _KINDS.get(annotation)
    return check is None or check(value)


def _is(kinds: type | tuple[type, ...], value: Any) -> bool:
    """Return whether a value is of a kind; a bool is not a number unless `bool` is named."""
    named = kinds if isinstance(kinds, tuple) else (kinds,)
    return isinstance(value, named) and (bool in named or not isinstance(value, bool))


def _each(check: Check, value: Any) -> bool:
    return isinstance(value, tuple) and all(map(check, cast("tuple[Any, ...]", value)))


def _pair(check: Check, value: Any) -> bool:
    return _each(check, value) and len(value) == 2


def _any(checks: Sequence[Check], value: Any) -> bool:
    return any(check(value) for check in checks)


_INT = partial(_is, int)
_DIM = partial(_is, (int, SymDim))
_FLOAT = partial(_is, (float, int, bool))
_TEXT = partial(_is, str)
_NONE = partial(_is, type(None))
_PAIRS = partial(_each, partial(_pair, _DIM))
_KINDS: dict[str, Check] = {
    "bool": partial(_is, bool),
    "int": _INT,
    "float": _FLOAT,
    "str": _TEXT,
    "Dim": _DIM,
    "DType": partial(_is, DType),
    "Graph": is_graph,
    "Padding": partial(_any, (_TEXT, _PAIRS)),
    "str | None": partial(_any, (_TEXT, _NONE)),
    "float | None": partial(_any, (_FLOAT, _NONE)),
    "tuple[int, ...]": partial(_each, _INT),
    "tuple[str, ...]": partial(_each, _TEXT),
    "tuple[Dim, ...]": partial(_each, _DIM),
    "tuple[Dim, Dim]": partial(_pair, _DIM),
    "tuple[int, ...] | None": partial(_any, (partial(_each, _INT), _NONE)),
    "tuple[tuple[Dim, Dim], ...]": _PAIRS,
}
"""A check for each annotation that ops use."""
