"""Integer arithmetic on sizes, as nodes on 64-bit integers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from kexport.errors import EmitError
from kexport.ir.dim import find_size
from kexport.ir.graph import Value
from kexport.ir.types import DType
from kexport_onnx.refs import Ref
from kexport_shared.emit.sizes import Function

_KINDS = {"add": "Add", "mul": "Mul", "max": "Max", "min": "Min", "div": "Div", "floordiv": "Div"}


class Nodes(Protocol):
    """What makes nodes and constants: the emission context."""

    @property
    def values(self) -> Mapping[Value, Ref]: ...

    def ints(self, values: Sequence[int]) -> Ref: ...

    def op(
        self, kind: str, *operands: Ref | None, dtype: DType | None = None, main: int = 0, **attributes: Any
    ) -> Ref: ...


class OnnxArithmetic:
    """Reads sizes off any tensor that was emitted before."""

    def __init__(self, context: Nodes):
        self._e = context

    def numbers(self, values: Sequence[int]) -> Ref:
        return self._e.ints(values)

    def find(self, size: str) -> tuple[Ref, int, int] | None:
        return find_size(((ref, v.type.shape) for v, ref in self._e.values.items()), size)

    def read(self, tensor: Ref, axis: int) -> Ref:
        return self._e.op("Shape", tensor, dtype=DType.I64, start=axis, end=axis + 1)

    def absent(self, size: str) -> Ref:
        raise EmitError(f"the size {size!r} is not the size of an axis of an input")

    def calculate(self, function: Function, a: Ref, b: Ref) -> Ref:
        if function == "floordiv":  # Div cuts towards zero; the rest of a floored division makes it exact
            a = self._e.op("Sub", a, self._e.op("Mod", a, b))
        return self._e.op(_KINDS[function], a, b)

    def join(self, parts: Sequence[Ref]) -> Ref:
        return self._e.op("Concat", *parts, axis=0)
