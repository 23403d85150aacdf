"""Reads the text form of a dim."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

from kexport.errors import GraphError
from kexport.ir.dim import LARGEST, Dim, dim_max, dim_min, floordiv, symbol

MAX_TEXT = 20_000
"""The most characters of one formula."""
_SHOWN = 60
_BINARY: dict[type, Callable[[Any, Any], Dim]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: floordiv,
}
_CALLS: dict[str, Callable[[Any, Any], Dim]] = {"max": dim_max, "min": dim_min}


def parse_dim(text: str) -> Dim:
    """Read a dim as it is printed: `batch`, `2*length+1`, `(n+1)//2`, `max(n,3)`.

    Raises:
        GraphError: the text is not a dimension, or is larger than any dimension of a real model.
    """
    try:
        if len(text) > MAX_TEXT:
            raise ValueError("too long")
        dim = _parse(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as e:  # the last two: nested too deeply
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
        raise GraphError(f"{shown!r} is not a dimension", hint="write a size such as 3, batch or 2*length+1") from e
    if isinstance(dim, int) and abs(dim) > LARGEST:
        raise GraphError("a size has more than 63 bits", hint="write a smaller one")
    return dim


def _parse(node: ast.expr) -> Dim:
    match node:
        case ast.Constant(value=int(value)) if not isinstance(value, bool):
            return value
        case ast.Name(id=name):
            return symbol(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_parse(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return _BINARY[type(op)](_parse(left), _parse(right))
        case ast.Call(func=ast.Name(id=fn), args=[a, b], keywords=[]) if fn in _CALLS:
            return _CALLS[fn](_parse(a), _parse(b))
        case _:
            raise ValueError(f"a {type(node).__name__} is part of no dimension")
