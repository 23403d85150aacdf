"""Sizes that depend on the input: computed inside the program, as int32, from the shapes of the inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kexport.errors import EmitError
from kexport.ir.dim import Dim, SymDim, find_size, is_symbol, symbol
from kexport.ir.graph import Value
from kexport.ir.types import DType
from kexport_coreml.refs import Ref

if TYPE_CHECKING:
    from kexport_coreml.context import Context


class Sizes:
    """Makes sizes, each one once."""

    def __init__(self, context: Context):
        self.e = context
        self._made: dict[Any, Ref] = {}

    def vector(self, dims: Sequence[Dim]) -> Ref | list[int]:
        """Sizes as a vector: plain numbers if all are known."""
        if not any(isinstance(d, SymDim) for d in dims):
            return [int(d) for d in dims]  # type: ignore[arg-type]
        key = tuple(dims)
        if key not in self._made:
            with self.e.outside():
                parts = [self.one(d) for d in dims]
                joined = parts[0] if len(parts) == 1 else self.e.op("concat", shape=(len(parts),), values=parts, axis=0)
                self._made[key] = joined
        return self._made[key]

    def scalar(self, dim: Dim) -> Ref | int:
        """One size as a scalar."""
        if not isinstance(dim, SymDim):
            return dim
        with self.e.outside():
            return self.e.op("squeeze", shape=(), x=self.one(dim), axes=[0])

    def one(self, dim: Dim) -> Ref:
        """One size as a vector with one element."""
        if not isinstance(dim, SymDim):
            return self.e.const([dim], DType.I32)
        if dim not in self._made:
            with self.e.outside():
                self._made[dim] = self._symbol(str(dim)) if is_symbol(dim) else self._polynomial(dim)
        return self._made[dim]

    def _symbol(self, name: str) -> Ref:
        found = find_size(((v, v.type.shape) for v in self.e.graph.inputs), name)
        if found is None:
            raise EmitError(f"the size {name!r} is not the size of an axis of an input")
        value, axis, times = found
        size = self.e.op("slice_by_size", shape=(1,), x=self._shape(value), begin=[axis], size=[1])
        return size if times == 1 else self.e.elementwise("floor_div", size, self.one(times))

    def _shape(self, value: Value) -> Ref:
        if value not in self._made:
            x = self.e.raw(value)
            self._made[value] = self.e.op("shape", shape=(x.rank,), dtype=DType.I32, x=x)
        return self._made[value]

    def _polynomial(self, dim: SymDim) -> Ref:
        terms = [self._term(mono, coef) for mono, coef in dim.terms.items()]
        total = terms[0]
        for term in terms[1:]:
            total = self.e.elementwise("add", total, term)
        return total

    def _term(self, mono: Sequence[Any], coef: int) -> Ref:
        factors = [self._atom(a) for a in mono] + ([self.one(coef)] if coef != 1 or not mono else [])
        result = factors[0]
        for factor in factors[1:]:
            result = self.e.elementwise("mul", result, factor)
        return result

    def _atom(self, atom: Any) -> Ref:
        if isinstance(atom, str):
            return self.one(symbol(atom))
        a, b = (self.one(arg) for arg in atom.args)
        kinds = {"floordiv": "floor_div", "max": "maximum", "min": "minimum"}
        return self.e.elementwise(kinds[atom.fn], a, b)
