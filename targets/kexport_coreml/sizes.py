"""Integer arithmetic on sizes, as operations on int32 that stand before all blocks."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from kexport.errors import EmitError
from kexport.ir.dim import Dim, find_size
from kexport.ir.graph import Graph, Value
from kexport.ir.types import DType
from kexport_coreml.refs import Ref
from kexport_shared.emit.sizes import Function

_KINDS = {
    "add": "add",
    "mul": "mul",
    "max": "maximum",
    "min": "minimum",
    "div": "floor_div",
    "floordiv": "floor_div",
}


class Operations(Protocol):
    """What makes operations and constants: the emission context."""

    graph: Graph

    def raw(self, value: Value) -> Ref: ...

    def const(self, data: Any, dtype: DType) -> Ref: ...

    def op(
        self, kind: str, *, shape: Sequence[Dim] | None = None, dtype: DType | None = None, **inputs: Any
    ) -> Ref: ...

    def elementwise(self, kind: str, *operands: Ref) -> Ref: ...

    def outside(self) -> AbstractContextManager[None]: ...


class MilArithmetic:
    """Reads sizes off the inputs of the program, which every block sees."""

    def __init__(self, context: Operations):
        self._e = context
        self._shapes: dict[Value, Ref] = {}

    def numbers(self, values: Sequence[int]) -> Ref:
        return self._e.const(list(values), DType.I32)

    def find(self, size: str) -> tuple[Value, int, int] | None:
        return find_size(((v, v.type.shape) for v in self._e.graph.inputs), size)

    def read(self, tensor: Value, axis: int) -> Ref:
        with self._e.outside():
            return self._e.op("slice_by_size", shape=(1,), x=self._shape(tensor), begin=[axis], size=[1])

    def _shape(self, value: Value) -> Ref:
        if value not in self._shapes:
            x = self._e.raw(value)
            self._shapes[value] = self._e.op("shape", shape=(x.rank,), dtype=DType.I32, x=x)
        return self._shapes[value]

    def absent(self, size: str) -> Ref:
        raise EmitError(f"the size {size!r} is not the size of an axis of an input")

    def calculate(self, function: Function, a: Ref, b: Ref) -> Ref:
        with self._e.outside():
            return self._e.elementwise(_KINDS[function], a, b)

    def join(self, parts: Sequence[Ref]) -> Ref:
        with self._e.outside():
            return self._e.op("concat", shape=(len(parts),), values=list(parts), axis=0)
