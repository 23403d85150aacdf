"""Sizes that are known at run time only, computed from the shapes of the inputs in 32-bit integers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kexport.ir.dim import Dim, SymDim, find_size, is_symbol, symbol, symbols
from kexport.ir.graph import Value
from kexport.ir.types import DType
from kexport_graphdef.nodes import Ref

if TYPE_CHECKING:
    from kexport_graphdef.context import Context

_CALLS = {"floordiv": "FloorDiv", "max": "Maximum", "min": "Minimum"}


class Sizes:
    """Makes nodes for symbolic dims, each only once."""

    def __init__(self, context: Context):
        self._e = context
        self._made: dict[Any, Ref] = {}

    def vector(self, dims: Sequence[Dim]) -> Ref:
        """Dims as a vector."""
        if not any(isinstance(d, SymDim) for d in dims):
            return self._e.ints([int(d) for d in dims])  # type: ignore[arg-type]
        key = tuple(dims)
        if key not in self._made:
            parts = self._parts(dims)
            self._made[key] = parts[0] if len(parts) == 1 else self._e.op("ConcatV2", *parts, self._e.scalar(0),
                                                                           N=len(parts))  # fmt: skip
        return self._made[key]

    def target(self, shape: Sequence[Dim]) -> Ref:
        """The new shape of a Reshape: the size that is hardest to compute is -1."""
        open_axes = [i for i, d in enumerate(shape) if isinstance(d, SymDim)]
        if not open_axes or 0 in shape:
            return self.vector(shape)
        hardest = max(open_axes, key=lambda i: (not is_symbol(shape[i]), i))
        return self.vector([-1 if i == hardest else d for i, d in enumerate(shape)])

    def dim(self, dim: Dim) -> Ref:
        """One size as a vector with one element."""
        if not isinstance(dim, SymDim):
            return self._e.ints([dim])
        if dim not in self._made:
            self._made[dim] = self._symbol(str(dim)) if is_symbol(dim) else self._polynomial(dim)
        return self._made[dim]

    def _parts(self, dims: Sequence[Dim]) -> list[Ref]:
        parts: list[Ref] = []
        known: list[int] = []
        for d in (*dims, None):
            if isinstance(d, int):
                known.append(d)
                continue
            if known:
                parts.append(self._e.ints(known))
                known = []
            if d is not None:
                parts.append(self.dim(d))
        return parts

    def knows(self, dim: Dim) -> bool:
        """Whether the size can be computed from the shapes of what was emitted before."""
        return self._e.is_body or all(self._axis(name) for name in symbols(dim))

    def _axis(self, size: str) -> tuple[Value, int, int] | None:
        """A tensor, which of its axes has this size, and how many times. Of a body's own only the inputs count."""
        values = self._e.graph.inputs if self._e.is_body else self._e.values
        return find_size(((v, v.type.shape) for v in values), size)

    def _symbol(self, name: str) -> Ref:
        found = self._axis(name)
        if found is None:
            return self._e.borrow(name)
        x, axis, times = found
        ends = (self._e.ints([axis]), self._e.ints([axis + 1]), self._e.ints([1]))
        size = self._e.op("StridedSlice", self.shape(self._e.ref(x)), *ends)
        return size if times == 1 else self._e.op("FloorDiv", size, self._e.ints([times]))

    def shape(self, x: Ref) -> Ref:
        """The shape of a tensor."""
        if x not in self._made:
            self._made[x] = self._e.op("Shape", x, dtype=DType.I32, out_type=DType.I32)
        return self._made[x]

    def _polynomial(self, dim: SymDim) -> Ref:
        return self._joined("AddV2", [self._term(mono, coef) for mono, coef in dim.terms.items()])

    def _term(self, mono: Sequence[Any], coef: int) -> Ref:
        factors = [self._atom(a) for a in mono]
        return self._joined("Mul", factors + ([self._e.ints([coef])] if coef != 1 or not mono else []))

    def _joined(self, kind: str, parts: Sequence[Ref]) -> Ref:
        result = parts[0]
        for part in parts[1:]:
            result = self._e.op(kind, result, part)
        return result

    def _atom(self, atom: Any) -> Ref:
        if isinstance(atom, str):
            return self.dim(symbol(atom))
        return self._e.op(_CALLS[atom.fn], *map(self.dim, atom.args))
