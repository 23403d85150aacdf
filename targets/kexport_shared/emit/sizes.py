"""Sizes that are known at run time only: computed inside an artifact from the shapes of its tensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any, Generic, Literal, Protocol, cast

from kexport.ir.dim import Call, Dim, SymDim, bounds, is_symbol, symbol, symbols
from kexport_shared.emit.protocol import R

Function = Literal["add", "mul", "max", "min", "div", "floordiv"]
"""What is computed of two sizes: `div` where nothing is negative, so that every rounding of quotients is the same."""


class Arithmetic(Protocol[R]):
    """What a format has for the arithmetic of sizes, all of them vectors of integers."""

    def numbers(self, values: Sequence[int]) -> R:
        """Make a constant vector."""
        ...

    def find(self, size: str) -> tuple[Any, int, int] | None:
        """Find a tensor, which of its axes has this size, and how many times."""
        ...

    def read(self, tensor: Any, axis: int) -> R:
        """Read one size off a tensor that was found."""
        ...

    def absent(self, size: str) -> R:
        """Get a size that no tensor here has.

        Raises:
            EmitError: nothing else has it either.
        """
        ...

    def calculate(self, function: Function, a: R, b: R) -> R:
        """Compute a vector with one element of two."""
        ...

    def join(self, parts: Sequence[R]) -> R:
        """Join vectors to one."""
        ...


class Sizes(Generic[R]):
    """Makes each size once.

    Args:
        arithmetic: the operations of the format.
        in_runs: write known sizes that follow each other as one constant.
    """

    def __init__(self, arithmetic: Arithmetic[R], in_runs: bool = False):
        self._arithmetic = arithmetic
        self._in_runs = in_runs
        self._made: dict[Any, R] = {}

    def vector(self, dims: Sequence[Dim]) -> R:
        """Make a vector of sizes: a constant, or computed."""
        if not any(isinstance(d, SymDim) for d in dims):
            return self._arithmetic.numbers([int(d) for d in dims])  # type: ignore[arg-type]
        key = tuple(dims)
        if key not in self._made:
            parts = [p for run in self._runs(dims) for p in self._parts(run)]
            self._made[key] = parts[0] if len(parts) == 1 else self._arithmetic.join(parts)
        return self._made[key]

    def dim(self, dim: Dim) -> R:
        """Make one size, a vector with one element."""
        if not isinstance(dim, SymDim):
            return self._arithmetic.numbers([dim])
        if dim not in self._made:
            self._made[dim] = self._symbol(str(dim)) if is_symbol(dim) else self._polynomial(dim)
        return self._made[dim]

    def knows(self, dim: Dim) -> bool:
        """Tell whether a size can be computed from the shapes of what was emitted before."""
        return all(self._arithmetic.find(name) for name in symbols(dim))

    def _runs(self, dims: Sequence[Dim]) -> Iterator[Sequence[Dim]]:
        return runs(dims) if self._in_runs else iter([d] for d in dims)

    def _parts(self, run: Sequence[Dim]) -> Iterator[R]:
        known = [d for d in run if isinstance(d, int)]
        yield self._arithmetic.numbers(known) if known else self.dim(run[0])

    def _symbol(self, name: str) -> R:
        found = self._arithmetic.find(name)
        if found is None:
            return self._arithmetic.absent(name)
        tensor, axis, times = found
        size = self._arithmetic.read(tensor, axis)
        return size if times == 1 else self._arithmetic.calculate("div", size, self._arithmetic.numbers([times]))

    def _polynomial(self, dim: SymDim) -> R:
        return self._folded("add", [self._term(factors, count) for factors, count in dim.terms.items()])

    def _term(self, factors: Sequence[str | Call], count: int) -> R:
        made = [self._factor(f) for f in factors]
        made += [self._arithmetic.numbers([count])] if count != 1 or not factors else []
        return self._folded("mul", made)

    def _folded(self, function: Function, parts: Sequence[R]) -> R:
        return reduce(lambda a, b: self._arithmetic.calculate(function, a, b), parts)

    def _factor(self, factor: str | Call) -> R:
        if isinstance(factor, str):
            return self.dim(symbol(factor))
        a, b = (self.dim(d) for d in factor.args)
        exact = factor.fn == "floordiv" and bounds(factor.args[0])[0] >= 0
        return self._arithmetic.calculate("div" if exact else cast(Function, factor.fn), a, b)


def runs(dims: Sequence[Dim]) -> Iterator[Sequence[Dim]]:
    """Split sizes: known ones that follow each other stay together, symbolic ones stand alone."""
    known: list[Dim] = []
    for d in dims:
        if isinstance(d, int):
            known.append(d)
            continue
        if known:
            yield known
            known = []
        yield [d]
    if known:
        yield known
