"""Context: the builder for lowering functions. It holds the values made so far and the layer path of new nodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kexport import ops
from kexport.capture.not_lowered import NotLowered
from kexport.errors import GraphError
from kexport.ir.dim import Dim, UndecidableDim, product
from kexport.ir.graph import Graph, Value
from kexport.ir.op import Array, Op
from kexport.ir.traits import Traits, Work
from kexport.ir.types import DType, TensorType
from kexport.rewrite import fold

ON_DATA = "the shape depends on the values of a tensor"


@dataclass(frozen=True)
class Foreign(Op, abstract=True):
    """A TensorFlow op without a lowering. It stays in the graph until dead code is removed, and is then reported."""

    traits = Traits(Work.ROUNDS)
    op: str
    reason: str
    types: tuple[TensorType, ...]

    def infer(self, *operands: TensorType) -> tuple[TensorType, ...]:
        return self.types


@dataclass(frozen=True)
class Handle:
    """A resource: the tensor outside of all graphs that stands for it, or the op without a lowering that made it."""

    tensor: Any
    maker: Value | None = None


@dataclass(frozen=True)
class Pair:
    """A complex tensor, as two real ones."""

    real: Value
    imaginary: Value


@dataclass(frozen=True)
class Items:
    """A list of tensors of one shape, as one tensor [length, *shape]; None while the shape is unknown."""

    value: Value | None
    length: Dim
    dtype: DType


Found = Value | Handle | Pair | Items
"""The kinds of values that a tensor of a trace can have."""


class Context:
    """Emits nodes at the end of `graph` under the layer path `origin`, and finds the values of tensors.

    `output` is the first result of the call or op being lowered.
    """

    def __init__(self, graph: Graph, resolve: Callable[[Any], Found], origin: str, output: Any = None):
        self.graph = graph
        self.origin = origin
        self.output = output
        self._resolve = resolve

    # --- values

    def value(self, x: Any, like: Value | DType | None = None) -> Value:
        """The value of a tensor, a variable, an array or a number; floats are cast to the element type of `like`."""
        dtype = like.type.dtype if isinstance(like, Value) else like
        if isinstance(x, (bool, int, float)) and dtype is not None:
            return self.constant(np.array(x, dtype.numpy))
        value = self._resolve(x)
        if not isinstance(value, Value):
            raise NotLowered("it reads a resource, a list of tensors or complex numbers")
        both_float = dtype is not None and dtype.is_float and value.type.dtype.is_float
        return self.cast(value, dtype) if both_float and dtype is not None else value

    def constant(self, data: Any, name: str = "") -> Value:
        """A constant; the array is not copied."""
        return self.graph.constant(data, name)

    def number(self, value: float, like: Value) -> Value:
        """A scalar of the element type of `like`."""
        return self.constant(np.array(value, like.type.dtype.numpy))

    def dims(self, x: Any) -> tuple[Dim, ...]:
        """The elements of an integer tensor of rank 0 or 1, or of a list of ints and scalar tensors.

        Raises:
            NotLowered: they are not known before the model runs.
        """
        if isinstance(x, (list, tuple)):
            return tuple(d for e in x for d in self.dims(e))
        if isinstance(x, (int, np.integer)):
            return (int(x),)
        known = fold.dims_of(x if isinstance(x, Value) else self.value(x))
        if known is None:
            raise NotLowered(ON_DATA)
        return known

    def ints(self, x: Any) -> tuple[int, ...]:
        """`dims`, which must be numbers."""
        known = self.dims(x)
        if not all(isinstance(d, int) for d in known):
            raise NotLowered("axes or positions depend on the input size")
        return known  # type: ignore[return-value]

    def int(self, x: Any) -> int:
        """One number."""
        (value,) = self.ints(x)
        return value

    def sizes(self, sizes: Sequence[Dim], dtype: DType = DType.I32, rank: int = 1) -> Value:
        """A tensor holding sizes; of rank 0 for one size."""
        array = np.empty(len(sizes), object)
        array[:] = list(sizes)
        array = array if rank else array.reshape(())
        return fold.emit_sizes(self.graph, array, TensorType(dtype, array.shape), self.origin)

    @property
    def dtype(self) -> DType:
        """The element type of the result, as TensorFlow has it."""
        return DType.of(self.output.dtype.as_numpy_dtype)

    # --- nodes

    def emit(self, op: Op, *operands: Value) -> Value:
        """Add a node with one result, or what it folds to."""
        return self.emit_all(op, *operands)[0]

    def emit_all(self, op: Op, *operands: Value) -> tuple[Value, ...]:
        """Add a node, or what it folds to; its results."""
        return fold.build(self.graph, op, *operands, origin=self.origin)

    def foreign(self, op: str, reason: str, types: Sequence[TensorType], *operands: Value) -> tuple[Value, ...]:
        """Add a node for what cannot be lowered."""
        return self.graph.add(Foreign(op, reason, tuple(types)), *operands, origin=self.origin).outputs

    def cast(self, x: Value, dtype: DType) -> Value:
        """x as another element type; x itself if it has it."""
        return x if x.type.dtype == dtype else self.emit(ops.Cast(dtype), x)

    def reshape(self, x: Value, shape: Sequence[Dim]) -> Value:
        """x in another shape; x itself if it has it. A named constant keeps its name."""
        return x if x.type.shape == tuple(shape) else self._keep_name(x, ops.Reshape(tuple(shape)))

    def transpose(self, x: Value, perm: Sequence[int]) -> Value:
        """x with its axes permuted; x itself if they stay. A named constant keeps its name."""
        return x if list(perm) == sorted(perm) else self._keep_name(x, ops.Transpose(tuple(perm)))

    def broadcast(self, x: Value, shape: Sequence[Dim]) -> Value:
        """x broadcast to a shape; x itself if it has it."""
        return x if x.type.shape == tuple(shape) else self.emit(ops.BroadcastTo(tuple(shape)), x)

    def full(self, shape: Sequence[Dim], value: float, dtype: DType) -> Value:
        """One value everywhere."""
        return self.emit(ops.Full(tuple(shape), value, dtype))

    def resolve_shape(self, x: Value, shape: Sequence[Dim]) -> tuple[Dim, ...]:
        """Resolve the -1 of a shape, if any, from the elements of x."""
        if -1 not in shape:
            return tuple(shape)
        known = product(d for d in shape if d != -1)
        if known == 0:
            raise GraphError(f"cannot work out the -1 in shape {tuple(shape)}")
        return tuple(x.type.numel // known if d == -1 else d for d in shape)

    def _keep_name(self, x: Value, op: Op) -> Value:
        result = self.emit(op, x)
        if result.is_constant and x.is_constant:
            result.name = result.name or x.name
        return result


def scalar(value: Value) -> Any:
    """The number or text in a constant of one element, or None."""
    return value.data.item() if value.data is not None and value.data.size == 1 else None


def known_sizes(value: Value) -> Array | None:
    """The elements of a small integer tensor as an object array of dims, or None."""
    return fold.symbolic(value)


def decide(question: Callable[[], bool], default: bool) -> bool:
    """Answer a question about dims, or return the default if it depends on the input size."""
    try:
        return question()
    except UndecidableDim:
        return default
