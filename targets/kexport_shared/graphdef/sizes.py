"""Integer arithmetic on sizes, as nodes on 32-bit integers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from kexport.ir.dim import find_size
from kexport.ir.graph import Graph, Value
from kexport.ir.types import DType
from kexport_shared.emit.sizes import Function
from kexport_shared.graphdef.nodes import Nodes, Ref

_KINDS = {
    "add": "AddV2",
    "mul": "Mul",
    "max": "Maximum",
    "min": "Minimum",
    "div": "FloorDiv",
    "floordiv": "FloorDiv",
}


class Scope(Nodes, Protocol):
    """The emission context of a graph or of a body."""

    graph: Graph
    is_body: bool

    @property
    def values(self) -> Mapping[Value, Ref]: ...

    def ref(self, value: Value) -> Ref: ...

    def ints(self, values: Sequence[int]) -> Ref: ...

    def scalar(self, value: int) -> Ref: ...

    def borrow(self, size: str) -> Ref: ...


class NodeArithmetic:
    """Reads sizes off the tensors of a graph, of a body's own off its inputs alone; others a body borrows."""

    def __init__(self, context: Scope):
        self._e = context
        self._shapes: dict[Ref, Ref] = {}

    def numbers(self, values: Sequence[int]) -> Ref:
        return self._e.ints(values)

    def find(self, size: str) -> tuple[Value, int, int] | None:
        values = self._e.graph.inputs if self._e.is_body else self._e.values
        return find_size(((v, v.type.shape) for v in values), size)

    def read(self, tensor: Value, axis: int) -> Ref:
        ends = (self._e.ints([axis]), self._e.ints([axis + 1]), self._e.ints([1]))
        return self._e.op("StridedSlice", self.shape(self._e.ref(tensor)), *ends)

    def shape(self, x: Ref) -> Ref:
        """Read the shape of a tensor, once."""
        if x not in self._shapes:
            self._shapes[x] = self._e.op("Shape", x, dtype=DType.I32, out_type=DType.I32)
        return self._shapes[x]

    def absent(self, size: str) -> Ref:
        return self._e.borrow(size)

    def calculate(self, function: Function, a: Ref, b: Ref) -> Ref:
        return self._e.op(_KINDS[function], a, b)

    def join(self, parts: Sequence[Ref]) -> Ref:
        return self._e.op("ConcatV2", *parts, self._e.scalar(0), N=len(parts))
