"""Symbolic sizes as operators: SHAPE of an input, then integer arithmetic.

LiteRT evaluates SHAPE, MUL, RESHAPE, CONCATENATION and slices when memory is planned, so that what depends on them
still gets a fixed size before the model runs. Other arithmetic runs with the model, and all that depends on it is then
of a size unknown to XNNPACK and to CompiledModel: sums, quotients and extremes are lengths of vectors instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, Protocol

from kexport.errors import EmitError
from kexport.ir.dim import Call, Dim, SymDim, bounds, dim_min
from kexport.ir.types import DType, TensorType
from kexport_shared.emit.sizes import runs
from kexport_tflite.model import Tensor

_CALLS = {"floordiv": "FLOOR_DIV", "min": "MINIMUM", "max": "MAXIMUM"}
_ONE = TensorType(DType.I32, (1,))


class Operators(Protocol):
    """What makes operators and constants, and knows where sizes can be read: the emission context."""

    origin: str

    def ints(self, values: Any) -> int: ...

    def scalar(self, value: float, dtype: DType) -> int: ...

    def dims(self, dims: Sequence[Dim]) -> int: ...

    def size(self, dim: Dim) -> int: ...

    def step(self, name: str, inputs: Sequence[int], type: TensorType, **options: Any) -> int: ...

    def cached(self, key: Any, make: Callable[[], int]) -> int: ...

    def source(self, dim: SymDim) -> tuple[int, int] | None: ...

    def multiple(self, name: str) -> SymDim | None: ...

    def type(self, index: int) -> Tensor: ...


def emit_dims(context: Operators, dims: Sequence[Dim]) -> int:
    """Sizes joined to one vector."""
    parts = [context.ints(run) if isinstance(run[0], int) else context.size(run[0]) for run in runs(dims)]
    if len(parts) == 1:
        return parts[0]
    return context.step("CONCATENATION", parts, TensorType(DType.I32, (len(dims),)), axis=0)


def emit_numbers(context: Operators, dims: Sequence[Dim]) -> int:
    """Sizes as data, joined to one vector; other than the size of a tensor such a number may be negative."""
    if all(_is_size(d) for d in dims):
        return context.dims(dims)
    parts = [_number(context, d) for d in dims]
    whole = TensorType(DType.I32, (len(dims),))
    return parts[0] if len(parts) == 1 else context.step("CONCATENATION", parts, whole, axis=0)


def _is_size(dim: Dim) -> bool:
    """Whether it is never below 0: nothing is taken off anything."""
    if isinstance(dim, int):
        return dim >= 0
    calls = [f for factors in dim.terms for f in factors if isinstance(f, Call)]
    return all(n > 0 for n in dim.terms.values()) and all(_is_size(a) for call in calls for a in call.args)


def _number(context: Operators, dim: Dim) -> int:
    if isinstance(dim, int):
        return context.ints([dim])
    if _is_size(dim):
        return context.size(dim)
    terms = [_term(context, factors, count) for factors, count in dim.terms.items()]
    return reduce(lambda a, b: context.step("ADD", [a, b], _ONE), terms)


def _term(context: Operators, factors: Sequence[str | Call], count: int) -> int:
    numbers = [] if count == 1 and factors else [context.ints([count])]
    for f in factors:
        if isinstance(f, str):
            numbers.append(context.size(SymDim({(f,): 1})))
        else:
            arguments = [_number(context, a) for a in f.args]
            numbers.append(reduce(lambda a, b, kind=_CALLS[f.fn]: context.step(kind, [a, b], _ONE), arguments))
    return reduce(lambda a, b: context.step("MUL", [a, b], _ONE), numbers)


def emit_size(context: Operators, dim: SymDim) -> int:
    """One size, read off a tensor that has it, else computed from others.

    Raises:
        EmitError: a symbol that no input has.
    """
    source = context.source(dim)
    if source is not None:
        return _read(context, *source)
    if _rounded_up(dim):
        return _length(context, dim)
    if all(count < 0 for count in dim.terms.values()):
        return context.step("MUL", [context.size(-dim), context.ints([-1])], _ONE)
    common = math.gcd(*dim.terms.values())
    if common > 1:
        return context.step("MUL", [context.size(dim // common), context.ints([common])], _ONE)
    match list(dim.terms.items()):
        case [((Call("floordiv", (_, int())) | Call("min" | "max"),), 1)]:
            return _length(context, dim)
        case [((Call(fn, args),), 1)]:
            return context.step(_CALLS[fn], [context.size(d) for d in args], _ONE)
        case [((str(name),), 1)]:
            return _part(context, dim, context.multiple(name))
        case [(factors, 1)]:
            return _product(context, factors)
    return _length(context, dim)


def _part(context: Operators, dim: SymDim, multiple: SymDim | None) -> int:
    """A symbol of which inputs have a multiple only."""
    if multiple is None:
        raise EmitError(f"no input has a dimension {dim}", where=context.origin)
    count = int(multiple // dim)  # type: ignore[arg-type]
    vector = _sliced(context, _vector(context, multiple), context.ints([count - 1]), count, dim)
    return context.step("SHAPE", [vector], _ONE, out_type=DType.I32)


def _read(context: Operators, tensor: int, axis: int) -> int:
    type = TensorType(DType.I32, (len(context.type(tensor).shape),))
    shape = context.cached(("shape", tensor), lambda: context.step("SHAPE", [tensor], type, out_type=DType.I32))
    bounds = [context.ints([i]) for i in (axis, axis + 1, 1)]
    return context.step("STRIDED_SLICE", [shape, *bounds], _ONE)


def _product(context: Operators, factors: Sequence[str | Call]) -> int:
    first, *others = (context.size(SymDim({(factor,): 1})) for factor in factors)
    for size in others:
        first = context.step("MUL", [first, size], _ONE)
    return first


def _length(context: Operators, dim: SymDim) -> int:
    """The length of a vector: ADD, SUB and FLOOR_DIV would run too late to give anything a fixed size."""
    return context.step("SHAPE", [_vector(context, dim)], _ONE, out_type=DType.I32)


def _vector(context: Operators, dim: Dim) -> int:
    """A vector of so many elements: sums join vectors, differences and quotients are slices of them."""
    return context.cached(("vector", dim), lambda: _make_vector(context, dim))


def _make_vector(context: Operators, dim: Dim) -> int:
    if isinstance(dim, SymDim) and context.source(dim) is None:
        if quotient := _rounded_up(dim):
            dividend, divisor = quotient
            return _sliced(context, _vector(context, dividend), context.ints([divisor - 1]), divisor, dim)
        match list(dim.terms.items()):
            case [((Call("floordiv", (dividend, int(divisor))),), 1)]:
                return _sliced(context, _vector(context, dividend), context.ints([divisor - 1]), divisor, dim)
            case [((Call("min", (a, b)),), 1)]:
                return _sliced(context, _vector(context, a), context.ints([0]), 1, dim, context.size(b))
            case [((Call("max", (a, b)),), 1)]:
                least = context.size(dim_min(a, b))
                return _sliced(context, _joined(context, [a, b]), least, 1, dim)
            case [_, _, *_]:
                return _sum(context, dim)
            case _:
                pass
    return context.step("FILL", [context.size(dim), context.scalar(False, DType.BOOL)], _flags(dim))


def _sum(context: Operators, dim: SymDim) -> int:
    more: list[Dim] = []
    less: Dim = 0
    for factors, count in dim.terms.items():
        one: Dim = SymDim({factors: -1}) if factors else -1
        if count > 0:
            more.append(one * -count)
        elif isinstance(one, SymDim) and _rounded_up(one):
            more += [one] * -count
        else:
            less = less - one * -count
    vector = _joined(context, more)
    return vector if less == 0 else _sliced(context, vector, context.size(less), 1, dim)


def _rounded_up(dim: SymDim) -> tuple[Dim, int] | None:
    """Dividend and divisor of -(a // n) where a may be negative, which no length is: (n - 1 - a) // n is the same."""
    match list(dim.terms.items()):
        case [((Call("floordiv", (a, int(n))),), -1)] if bounds(a)[0] < 0:
            return n - 1 - a, n
    return None


def _joined(context: Operators, dims: Sequence[Dim]) -> int:
    parts = [_vector(context, d) for d in dims]
    return context.step("CONCATENATION", parts, _flags(sum(dims)), axis=0) if len(parts) > 1 else parts[0]


def _sliced(context: Operators, vector: int, begin: int, stride: int, dim: Dim, end: int | None = None) -> int:
    """A part of a vector, to the end of it or to a place that may lie behind it."""
    bounds = [begin, context.ints([0]) if end is None else end, context.ints([stride])]
    return context.step("STRIDED_SLICE", [vector, *bounds], _flags(dim), end_mask=int(end is None))


def _flags(dim: Dim) -> TensorType:
    return TensorType(DType.BOOL, (dim,))
