"""Symbolic sizes as operators: SHAPE of an input, then integer arithmetic.

LiteRT evaluates these when memory is planned, so what depends on them still gets a fixed size before the model runs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kexport.errors import EmitError
from kexport.ir.dim import Call, Dim, SymDim
from kexport.ir.types import DType, TensorType

if TYPE_CHECKING:
    from kexport_tflite.emit.context import Context

_CALLS = {"floordiv": "FLOOR_DIV", "max": "MAXIMUM", "min": "MINIMUM"}
_ONE = TensorType(DType.I32, (1,))


def emit_dims(context: Context, dims: Sequence[Dim]) -> int:
    """Sizes joined to one vector."""
    parts: list[int] = []
    fixed: list[int] = []
    for d in [*dims, None]:
        if isinstance(d, int):
            fixed.append(d)
            continue
        if fixed:
            parts.append(context.ints(fixed))
            fixed = []
        if d is not None:
            parts.append(context.size(d))
    if len(parts) == 1:
        return parts[0]
    return context.step("CONCATENATION", parts, TensorType(DType.I32, (len(dims),)), axis=0)


def emit_size(context: Context, dim: SymDim) -> int:
    """One size, read off a tensor that has it, else computed from others.

    Raises:
        EmitError: a symbol that no input has.
    """
    source = context.source(dim)
    if source is not None:
        return _read(context, *source)
    common = math.gcd(*dim.terms.values())
    if common > 1:
        return context.step("MUL", [context.size(dim // common), context.ints([common])], _ONE)
    match list(dim.terms.items()):
        case [((Call(fn, args),), 1)]:
            return context.step(_CALLS[fn], [context.size(d) for d in args], _ONE)
        case [((str(name),), 1)]:
            raise EmitError(f"no input has a dimension {name}", where=context.origin)
    total: int | None = None
    for factors, coefficient in dim.terms.items():
        term = _term(context, factors, coefficient)
        total = term if total is None else context.step("ADD", [total, term], _ONE)
    assert total is not None, "a symbolic dim has a term"
    return total


def _read(context: Context, tensor: int, axis: int) -> int:
    type = TensorType(DType.I32, (len(context.type(tensor).shape),))
    shape = context.cached(("shape", tensor), lambda: context.step("SHAPE", [tensor], type, out_type=DType.I32))
    bounds = [context.ints([i]) for i in (axis, axis + 1, 1)]
    return context.step("STRIDED_SLICE", [shape, *bounds], _ONE)


def _term(context: Context, factors: Sequence[str | Call], coefficient: int) -> int:
    value = context.ints([coefficient]) if coefficient != 1 or not factors else None
    for factor in factors:
        size = context.size(SymDim({(factor,): 1}))
        value = size if value is None else context.step("MUL", [value, size], _ONE)
    assert value is not None, "no factors leave a coefficient"
    return value
