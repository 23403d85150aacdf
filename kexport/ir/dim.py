"""Symbolic dimensions: integer polynomials over named symbols, floor division, min and max.

A `Dim` is an int or a `SymDim`. Symbols are assumed to be at least 1. Arithmetic is canonical, so that two
equal sizes compare equal: `(4*n+3)//2` is `2*n+1`, `a*b//a` is `b`.
"""

from __future__ import annotations

import keyword
import math
import operator
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache, reduce
from typing import Any, NamedTuple, TypeVar, Union

from kexport.errors import GraphError

LARGEST = 2**63 - 1
"""The largest size of a dimension."""
MAX_WEIGHT = 1024
"""The most terms and factors of one formula; those of real models have a few dozen."""
MAX_DEPTH = 64
"""The deepest nesting of divisions, maxima and minima."""
T = TypeVar("T")
Number = Union[float, Fraction]


class UndecidableDim(Exception):
    """A question about a symbolic dimension has no single answer, such as `length > 3`."""


class Call(NamedTuple):
    """An opaque term `fn(a, b)`: floor division, `max` or `min` that did not simplify."""

    fn: str
    args: tuple[Dim, ...]

    def __str__(self) -> str:
        if self.fn == "floordiv":
            return f"({self.args[0]})//{_paren(self.args[1])}"
        return f"{self.fn}({self.args[0]},{self.args[1]})"


Atom = Union[str, Call]
Monomial = tuple[Atom, ...]


class SymDim:
    """A polynomial with integer coefficients; immutable and hashable. Make one with `symbol` or `parse_dim`.

    Raises:
        GraphError: it would be larger than any size of a real model.
    """

    __slots__ = ("_depth", "_hash", "_text", "_weight", "terms")

    def __init__(self, terms: dict[Monomial, int]):
        self._weight, self._depth = self._measure(terms)
        self.terms = dict(sorted(terms.items(), key=lambda t: _rank(t[0])))
        self._hash = hash(tuple(self.terms.items()))
        self._text = ""

    @staticmethod
    def _measure(terms: dict[Monomial, int]) -> tuple[int, int]:
        """The number of terms and factors when written out, and the depth of nested calls."""
        inner = [
            arg for mono in terms for a in mono if isinstance(a, Call) for arg in a.args if isinstance(arg, SymDim)
        ]
        weight = len(terms) + sum(map(len, terms)) + sum(arg._weight for arg in inner)
        depth = 1 + max((arg._depth for arg in inner), default=0)
        if weight > MAX_WEIGHT or depth > MAX_DEPTH or any(abs(c) > LARGEST for c in terms.values()):
            raise _beyond_bounds()
        return weight, depth

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SymDim) and self.terms == other.terms

    def __str__(self) -> str:
        if not self._text:
            self._text = "".join(_show(mono, coef) for mono, coef in self.terms.items()).removeprefix("+")
        return self._text

    __repr__ = __str__

    def __add__(self, other: Dim) -> Dim:
        terms = dict(self.terms)
        for mono, coef in _terms(other).items():
            terms[mono] = terms.get(mono, 0) + coef
        return _make(terms)

    def __mul__(self, other: Dim) -> Dim:
        terms: dict[Monomial, int] = {}
        factors = _terms(other)
        if len(self.terms) * len(factors) > MAX_WEIGHT:
            raise _beyond_bounds()
        for a, x in self.terms.items():
            for b, y in factors.items():
                mono = tuple(sorted(a + b, key=str))
                terms[mono] = terms.get(mono, 0) + x * y
        return _make(terms)

    def __neg__(self) -> Dim:
        return self * -1

    def __sub__(self, other: Dim) -> Dim:
        return self + -other

    def __rsub__(self, other: Dim) -> Dim:
        return -self + other

    def __floordiv__(self, other: Dim) -> Dim:
        return floordiv(self, other)

    def __rfloordiv__(self, other: Dim) -> Dim:
        return floordiv(other, self)

    def __mod__(self, other: Dim) -> Dim:
        return self - (self // other) * other

    def __rmod__(self, other: Dim) -> Dim:
        return other - (other // self) * self

    __radd__ = __add__
    __rmul__ = __mul__

    def __lt__(self, other: Dim) -> bool:
        return _less(self, other)

    def __gt__(self, other: Dim) -> bool:
        return _less(other, self)

    def __le__(self, other: Dim) -> bool:
        return not _less(other, self)

    def __ge__(self, other: Dim) -> bool:
        return not _less(self, other)

    def __bool__(self) -> bool:
        if bounds(self)[0] >= 1:
            return True
        raise UndecidableDim(f"whether {self} is zero depends on the input size")


Dim = Union[int, SymDim]


_RESERVED = {"true", "false", "none", "inf", "nan"}


def symbol(name: str) -> SymDim:
    """Make the dimension called `name`.

    Raises:
        GraphError: the text form could not show a dimension of that name.
    """
    if not (name.isascii() and name.isidentifier()) or keyword.iskeyword(name) or name in _RESERVED:
        raise GraphError(f"{name!r} cannot be the name of a dimension", hint="use letters, digits and _")
    return SymDim({(name,): 1})


def is_symbol(dim: Dim) -> bool:
    """Return whether `dim` is a bare symbol, such as `batch`."""
    found = times(dim)
    return found is not None and found[1] == 1


def times(dim: Dim) -> tuple[str, int] | None:
    """Split `dim` into a symbol and its factor: `length` and 1 for `length`, `length` and 4 for `4*length`."""
    if isinstance(dim, int) or len(dim.terms) != 1:
        return None
    ((mono, coef),) = dim.terms.items()
    return (mono[0], coef) if coef > 0 and len(mono) == 1 and isinstance(mono[0], str) else None


def find_size(shapes: Iterable[tuple[T, Sequence[Dim]]], name: str) -> tuple[T, int, int] | None:
    """Find where a size can be read: whose shape, which axis, and by which factor; a factor of 1 is preferred."""
    found: tuple[T, int, int] | None = None
    for owner, shape in shapes:
        for axis, dim in enumerate(shape):
            known = times(dim)
            if known == (name, 1):
                return owner, axis, 1
            if known and known[0] == name and found is None:
                found = owner, axis, known[1]
    return found


def symbols(dim: Dim) -> set[str]:
    """Return the names that `dim` depends on."""
    atoms = {a for mono in _terms(dim) for a in mono}
    inner = (symbols(arg) for a in atoms if isinstance(a, Call) for arg in a.args)
    return {a for a in atoms if isinstance(a, str)}.union(*inner)


def dim_max(a: Dim, b: Dim) -> Dim:
    """Return the larger of two dims; symbolic if it depends on the input size."""
    return _choose("max", a, b)


def dim_min(a: Dim, b: Dim) -> Dim:
    """Return the smaller of two dims; symbolic if it depends on the input size."""
    return _choose("min", a, b)


def product(dims: Any) -> Dim:
    """Multiply dims; 1 for none."""
    return reduce(operator.mul, dims, 1)


def substitute(dim: Dim, values: Mapping[str, Dim]) -> Dim:
    """Replace the symbols of `dim`; the result is an int once every symbol has an int."""
    if isinstance(dim, int) or not symbols(dim) & values.keys():
        return dim
    total: Dim = 0
    for mono, coef in dim.terms.items():
        term: Dim = coef
        for atom in mono:
            term = term * _substitute_atom(atom, values)
        total = total + term
    return total


def bounds(dim: Dim) -> tuple[Number, Number]:
    """Return lower and upper bound of `dim`, given that every symbol is at least 1 (infinite if unknown)."""
    return (dim, dim) if isinstance(dim, int) else _symbolic_bounds(dim)


@lru_cache(maxsize=4096)
def _symbolic_bounds(dim: SymDim) -> tuple[Number, Number]:
    terms = dim.terms
    low, high = _bounds(terms)
    if len(terms) > 1 and any(mono and isinstance(mono[0], Call) for mono in terms):
        other_low, other_high = _bounds_of_quotients(terms)
        low = max(low, other_low)
        high = min(high, other_high)
    return low, high


def _bounds(terms: Mapping[Monomial, Number]) -> tuple[Number, Number]:
    low: Number = 0
    high: Number = 0
    for mono, coef in terms.items():
        atom_bounds = [_atom_bounds(a) for a in mono]
        if any(lo < 0 for lo, _ in atom_bounds):
            return -math.inf, math.inf
        lo = math.prod(b[0] for b in atom_bounds)
        hi = math.prod(b[1] for b in atom_bounds)
        low += coef * (lo if coef > 0 else hi)
        high += coef * (hi if coef > 0 else lo)
    return low, high


def _bounds_of_quotients(terms: Mapping[Monomial, int]) -> tuple[Number, Number]:
    """Bound with x // n written as (x - r) / n, r from 0 to n - 1, so that `2*(length//2) - length` is at most 0."""
    exact: dict[Monomial, Number] = {}
    least = Fraction(0)
    most = Fraction(0)
    for mono, coef in terms.items():
        match mono:
            case (Call("floordiv", (inner, int(by))),) if by > 0:
                for m, c in _terms(inner).items():
                    exact[m] = exact.get(m, 0) + Fraction(coef * c, by)
                rest = Fraction(coef * (by - 1), by)
                least = least - max(rest, 0)
                most = most - min(rest, 0)
            case _:
                exact[mono] = exact.get(mono, 0) + coef
    low, high = _bounds({m: c for m, c in exact.items() if c})
    low = low + least
    high = high + most
    return (math.ceil(low) if math.isfinite(low) else low), (math.floor(high) if math.isfinite(high) else high)


def _beyond_bounds() -> GraphError:
    hint = "give the input dimensions fixed sizes"
    return GraphError("the formula of a size grows beyond what any real model has", hint=hint)


def _terms(dim: Dim) -> Mapping[Monomial, int]:
    return dim.terms if isinstance(dim, SymDim) else {(): int(dim)}


def _make(terms: dict[Monomial, int]) -> Dim:
    terms = {mono: coef for mono, coef in terms.items() if coef}
    if not terms:
        return 0
    return terms[()] if terms.keys() == {()} else SymDim(terms)


def _rank(mono: Monomial) -> tuple[int, tuple[str, ...]]:
    return -len(mono), tuple(map(str, mono))


def _show(mono: Monomial, coef: int) -> str:
    sign = "-" if coef < 0 else "+"
    alone = len(mono) == 1 and coef == 1
    factors = [str(a) if alone or isinstance(a, str) or a.fn != "floordiv" else f"({a})" for a in mono]
    if abs(coef) != 1 or not mono:
        factors.insert(0, str(abs(coef)))
    return sign + "*".join(factors)


def _paren(dim: Dim) -> str:
    return str(dim) if isinstance(dim, int) or is_symbol(dim) else f"({dim})"


def _less(a: Dim, b: Dim) -> bool:
    low, high = bounds(b - a)
    if low > 0:
        return True
    if high <= 0:
        return False
    raise UndecidableDim(f"whether {a} < {b} depends on the input size")


def _choose(fn: str, a: Dim, b: Dim) -> Dim:
    low, high = bounds(b - a)
    if low >= 0 or high <= 0:
        small, large = (a, b) if low >= 0 else (b, a)
        return large if fn == "max" else small
    least = min(_terms(a).get((), 0), _terms(b).get((), 0))
    call = Call(fn, tuple(sorted((a - least, b - least), key=str)))
    return _make({(call,): 1, (): least})


def floordiv(a: Dim, b: Dim) -> Dim:
    """Divide `a` by `b`, rounding down."""
    if b == 0:
        raise GraphError(f"division of dimension {a} by zero")
    if isinstance(b, int):
        return _divide_by_int(a, b) if b > 0 else _divide_by_int(-a, -b)
    exact = _divide(a, b)
    return SymDim({(Call("floordiv", (a, b)),): 1}) if exact is None else exact


def _divide_by_int(a: Dim, b: int) -> Dim:
    """Bring a floor division to canonical form: extract whole parts, cancel common factors, merge nested divisions."""
    whole = {m: c // b if c > 0 or m == () else -(-c // b) for m, c in _terms(a).items()}
    rest = {m: c - whole[m] * b for m, c in _terms(a).items() if c != whole[m] * b}
    left = rest.pop((), 0)
    if not rest:
        return _make(whole)
    if next(iter(rest.values())) < 0:
        return _make(whole) - (b - 1 - left - _make(rest)) // b
    common = math.gcd(b, *rest.values())
    if common > 1:
        return _make({m: c // common for m, c in rest.items()} | {(): left // common}) // (b // common) + _make(whole)
    match list(rest.items()):
        case [((Call(fn="floordiv", args=(inner, int(by))),), 1)] if by > 0:
            return (inner + left * by) // (b * by) + _make(whole)
        case _:
            pass
    return SymDim({(Call("floordiv", (_make(rest | {(): left}), b)),): 1}) + _make(whole)


def _divide(a: Dim, b: Dim) -> Dim | None:
    """Return the exact polynomial quotient, or None."""
    lead, lead_coef = next(iter(_terms(b).items()))
    quotient = 0
    for _ in range(64):
        if a == 0:
            return quotient
        mono, coef = next(iter(_terms(a).items()))
        rest = list(mono)
        for atom in lead:
            if atom not in rest:
                return None
            rest.remove(atom)
        if coef % lead_coef:
            return None
        term = _make({tuple(rest): coef // lead_coef})
        quotient = quotient + term
        a = a - term * b
    return None


def _atom_bounds(atom: Atom) -> tuple[Number, Number]:
    if isinstance(atom, str):
        return 1, math.inf
    (alo, ahi), (blo, bhi) = map(bounds, atom.args)
    if atom.fn == "max":
        return max(alo, blo), max(ahi, bhi)
    if atom.fn == "min":
        return min(alo, blo), min(ahi, bhi)
    if blo <= 0:
        return -math.inf, math.inf
    low = alo / (bhi if alo >= 0 else blo)
    high = ahi / (blo if ahi >= 0 else bhi)
    return (math.floor(low) if math.isfinite(low) else low), (math.floor(high) if math.isfinite(high) else high)


def _substitute_atom(atom: Atom, values: Mapping[str, Dim]) -> Dim:
    if isinstance(atom, str):
        return values.get(atom, symbol(atom))
    a, b = (substitute(arg, values) for arg in atom.args)
    return floordiv(a, b) if atom.fn == "floordiv" else _choose(atom.fn, a, b)
