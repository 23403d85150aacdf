"""What a case of an op is: the op, how to make its operands, and where its expected result comes from."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from kexport.ir.dim import Dim, substitute, symbol, symbols
from kexport.ir.graph import Graph
from kexport.ir.op import Array, Op, RegionOp, infer
from kexport.ir.types import DType, TensorType

BATCH = symbol("batch")
LENGTH = symbol("length")
SIZES = {"batch": 2, "length": 5}
"""The sizes at which cases are computed."""


@dataclass(frozen=True)
class Operand:
    """One operand: shape (dims may be BATCH or LENGTH), element type (None: the float of the run), elements."""

    shape: tuple[Dim, ...]
    dtype: DType | None
    make: Callable[[np.random.Generator, tuple[int, ...]], Any]
    constant: bool = False

    def type(self, float_type: DType) -> TensorType:
        """Its type, with symbolic dims."""
        return TensorType(self.dtype or float_type, self.shape)


@dataclass(frozen=True)
class Case:
    """An op applied to operands. `expected` gets their arrays and is not written with the op's own code."""

    op: Op
    operands: tuple[Operand, ...]
    expected: Callable[..., Any]
    label: str = ""
    tolerance: float = 0.0
    """Relative to the greatest magnitude; for float64 where the source of `expected` has only float32."""
    sizes: Mapping[str, int] = field(default_factory=lambda: SIZES)

    @property
    def id(self) -> str:
        """A name for test reports."""
        return f"{self.op.name}-{self.label}" if self.label else self.op.name

    @property
    def has_floats(self) -> bool:
        """Whether the float of the run makes a difference. Bodies of loops and branches hold float32 as written."""
        if isinstance(self.op, RegionOp):
            return False
        attributes = self.op.attributes().values()
        floats = [a for a in attributes if isinstance(a, DType) and a.is_float]
        return bool(floats) or any(o.dtype is None for o in self.operands)

    def symbols(self) -> set[str]:
        """The symbolic dims that the inputs have."""
        return set().union(*(symbols(d) for o in self.operands for d in o.shape if not o.constant))

    def types(self, float_type: DType = DType.F32) -> tuple[TensorType, ...]:
        """Operand types, with symbolic dims."""
        return tuple(o.type(float_type) for o in self.operands)

    def results(self, float_type: DType = DType.F32) -> tuple[TensorType, ...]:
        """Result types, with symbolic dims."""
        return infer(self.float_op(float_type), self.types(float_type))

    def float_op(self, float_type: DType) -> Op:
        """The op; float attributes widened where the run is in float64."""
        return self.op.widen() if float_type is DType.F64 else self.op

    def bound(self, float_type: DType = DType.F32, sizes: Mapping[str, int] | None = None) -> Op:
        """The op with its symbolic attributes bound."""
        return self.float_op(float_type).bind(dict(sizes or self.sizes))

    def arrays(self, float_type: DType = DType.F32, sizes: Mapping[str, int] | None = None) -> tuple[Array, ...]:
        """The operands, the same in every run; made in float64 and rounded."""
        made: list[Array] = []
        for i, operand in enumerate(self.operands):
            rng = np.random.default_rng([zlib.crc32(self.id.encode()), i])
            shape = tuple(int(substitute(d, dict(sizes or self.sizes))) for d in operand.shape)  # type: ignore[arg-type]
            array = np.asarray(operand.make(rng, shape))
            with np.errstate(over="ignore"):
                made.append(array.astype((operand.dtype or float_type).numpy).reshape(shape))
        return tuple(made)

    def graph(self, *, static: bool = False) -> Graph:
        """The op alone in a graph: float32 inputs x0, x1, …, constants where operands are constant, outputs y0, …

        The dims are those of `sizes` if `static`, and where the inputs do not tell all sizes.
        """
        graph = Graph(self.op.name)
        static = static or bool(self.op.symbols() - self.symbols())
        op = self.bound() if static else self.op
        operands: list[Any] = []
        for i, (operand, type, array) in enumerate(zip(self.operands, self.types(), self.arrays(), strict=True)):
            if operand.constant:
                operands.append(graph.constant(array, f"w{i}"))
            else:
                operands.append(graph.input(f"x{i}", TensorType.of(array) if static else type))
        for i, value in enumerate(graph.add(op, *operands, origin=self.id).outputs):
            graph.output(f"y{i}", value)
        return graph

    def inputs(self) -> dict[str, Array]:
        """The arrays for the inputs of `graph`."""
        pairs = enumerate(zip(self.operands, self.arrays(), strict=True))
        return {f"x{i}": array for i, (operand, array) in pairs if not operand.constant}


def normal(*shape: Dim, scale: float = 1.0) -> Operand:
    """Floats around zero."""
    return Operand(shape, None, lambda rng, s: scale * rng.standard_normal(s))


def uniform(low: float, high: float, *shape: Dim) -> Operand:
    """Floats in a range."""
    return Operand(shape, None, lambda rng, s: rng.uniform(low, high, s))


def integers(low: int, high: int, *shape: Dim, dtype: DType = DType.I32) -> Operand:
    """Integers from `low` to `high`, both included."""
    return Operand(shape, dtype, lambda rng, s: rng.integers(low, high, s, endpoint=True))


def booleans(*shape: Dim) -> Operand:
    """True and false."""
    return Operand(shape, DType.BOOL, lambda rng, s: rng.integers(0, 1, s, endpoint=True))


def literal(values: Any, dtype: DType | None = None) -> Operand:
    """These elements."""
    array = np.array(values)
    return Operand(array.shape, dtype, lambda rng, s: array)


def constant(operand: Operand) -> Operand:
    """The operand as a weight of the model."""
    return replace(operand, constant=True)


def weight(*shape: Dim, scale: float = 0.5) -> Operand:
    """A constant of floats around zero."""
    return constant(normal(*shape, scale=scale))
