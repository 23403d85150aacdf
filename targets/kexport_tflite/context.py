"""What emitters write into: tensors, constants and operators of one subgraph, and sizes known at run time only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kexport.ir.dim import Dim, SymDim, times
from kexport.ir.graph import Graph, Node, Value
from kexport.ir.op import Array
from kexport.ir.types import DType, TensorType
from kexport.rewrite.grids import Grid, dequantized
from kexport_shared.emit.keys import content, place
from kexport_shared.emit.names import Names
from kexport_tflite import sizes
from kexport_tflite.integers import find_integers
from kexport_tflite.model import NO_TENSOR, Model, Operator, Subgraph, Tensor
from kexport_tflite.operators import version_of
from kexport_tflite.weights import HALF_MIN, packed, stored_integers, weights_of

_SMALL = 1 << 10
"""Constants of fewer bytes are compared by content."""
_HALF_MAX = float(np.finfo(np.float16).max)


class Context:
    """One subgraph under construction."""

    def __init__(
        self, model: Model, graph: Graph, *, half_weights: bool = False, sizes: Mapping[str, Dim] | None = None
    ):
        self.model = model
        self.graph = graph
        self.half_weights = half_weights
        self.sizes = sizes or {}
        self.subgraph = Subgraph(graph.name)
        self.number = len(model.subgraphs)
        model.subgraphs.append(self.subgraph)
        self.origin = ""
        self._of: dict[Value, int] = {}
        self._buffers: dict[Any, int] = {}
        self._constants: dict[Any, int] = {}
        self._sizes: dict[Any, int] = {}
        self._names = Names(chained=True)
        self._sources: dict[Dim, tuple[int, int]] = {}
        self.integers = find_integers(graph)
        self.in_integers = False
        """Whether the node that is emitted now works on integers."""

    def inner(self, body: Graph) -> Context:
        """A further subgraph of the same model, for the body of an operator; contents are stored once for all."""
        context = Context(self.model, body, half_weights=self.half_weights, sizes=self.sizes)
        context.origin = self.origin
        context._buffers = self._buffers
        return context

    def enter(self, node: Node) -> None:
        """Begin to emit a node of the graph: its layer path names what is made now."""
        self.origin = node.origin
        self.in_integers = node in self.integers.nodes

    # --- tensors

    def declare(self, value: Value, name: str) -> int:
        """A tensor for a value, with a name of its own."""
        self._of[value] = self._add(name, value.type)
        self.type(self._of[value]).grid = self.integers.grids.get(value)
        return self._of[value]

    def tensor(self, value: Value | None) -> int:
        """The tensor that holds a value; the index of no tensor for None."""
        if value is None:
            return NO_TENSOR
        if self.in_integers:
            value = self.integers.stands_for.get(value, value)
        if value not in self._of:
            if weights_of(value) is not None:
                self._of[value] = self.weights(value)
            else:
                self.declare(value, value.name or self.origin)
        return self._of[value]

    @property
    def values(self) -> Mapping[Value, int]:
        """The tensor of every value so far."""
        return self._of

    def is_constant(self, value: Value) -> bool:
        """Whether a value is in the file, in float16 perhaps."""
        return weights_of(value) is not None

    def weights(self, value: Value, layout: Callable[[Array], Array] = lambda a: a) -> int:
        """A constant, rearranged; in float16 where it is or should be stored so, and widened when it is loaded."""
        data = weights_of(value)
        assert data is not None, "legalize leaves constants only where an operator needs one"
        source = dequantized(value)
        if source is not None:
            return self._quantized(source, value.name, layout, self.in_integers)
        if value in self.integers.grids:
            return self._quantized(value, value.name, layout, True)
        array = layout(data)
        type = value.type
        if stored_integers(value) is not None:
            return self._integers(array, value)
        if type.dtype is not DType.F32 or not (data.dtype == np.float16 or self._halves(data)):
            return self.constant(array, value.name)
        key = ("half", _identity(array))
        if key not in self._constants:
            half = type.with_dtype(DType.F16).with_shape(array.shape)
            index = self._add(value.name or f"{self.origin}/constant", half, self._buffer(array, half.dtype.numpy))
            self._constants[key] = self.step("DEQUANTIZE", [index], half.with_dtype(DType.F32))
        return self._constants[key]

    def _quantized(self, source: Value, name: str, layout: Callable[[Array], Array], kept: bool) -> int:
        """A constant of integers on a grid: as it is if `kept`, or made floats when the model is loaded."""
        assert source.data is not None
        array = layout(source.data)
        grid = self.integers.grids[source].moved(source.data.shape, layout)
        assert grid is not None, "kernels have a scale for each filter at most"
        return self._on_grid(array, grid, name or source.name, kept)

    def _integers(self, array: Array, value: Value) -> int:
        """Integers of up to 8 bits, which are made floats when the model is loaded; unsigned ones of 4 bits by -8."""
        zero = 0
        if array.dtype.name == "uint4":
            array = (array.astype(np.int8) - np.int8(8)).astype(DType.I4.numpy)
            zero = -8
        return self._on_grid(array, Grid(np.ones(1), np.full(1, zero)), value.name, kept=False)

    def _on_grid(self, array: Array, grid: Grid, name: str, kept: bool) -> int:
        key = ("integers", _identity(array), grid.key, kept)
        if key not in self._constants:
            stored = packed(array) if array.dtype.name == "int4" else array
            name = name or f"{self.origin}/constant"
            index = self._add(name, TensorType.of(array), self._buffer(stored, stored.dtype))
            self.type(index).grid = grid
            floats = TensorType(DType.F32, array.shape)
            self._constants[key] = index if kept else self.step("DEQUANTIZE", [index], floats)
        return self._constants[key]

    def zero_bias(self, x: Value, kernel: Value) -> int:
        """The bias of an operator on integers that has none: zeros on the grid of its products."""
        grids = self.integers.grids
        held = [self.integers.stands_for[v] for v in (x, kernel)]
        scales = grids[held[0]].scales.astype(np.float32) * grids[held[1]].scales.astype(np.float32)
        count = kernel.type.shape[-1] if kernel.type.rank < 4 or scales.size == 1 else scales.size
        zeros = np.zeros(max(int(count), scales.size), np.int32)  # type: ignore[arg-type]  static
        return self._on_grid(
            zeros, Grid(scales, np.zeros(scales.size, np.int64), 0 if scales.size > 1 else None), "", kept=True
        )

    def temporary(self, type: TensorType) -> int:
        """A tensor between two operators of one node."""
        return self._add(self.origin, type)

    def constant(self, array: Any, name: str = "", dtype: DType | None = None) -> int:
        """A constant tensor; equal small ones and views of the same memory are stored once."""
        array = np.asarray(array, None if dtype is None else dtype.numpy)
        key = _identity(array)
        if key not in self._constants and not array.size:  # no bytes, which would make it a variable
            empty = [self.ints(array.shape), self.constant(np.zeros((), array.dtype))]
            self._constants[key] = self.step("FILL", empty, TensorType.of(array))
        if key not in self._constants:
            type = TensorType.of(array)
            self._constants[key] = self._add(name or f"{self.origin}/constant", type, self._buffer(array, array.dtype))
        return self._constants[key]

    def scalar(self, value: float, dtype: DType) -> int:
        """A constant of rank 0."""
        return self.constant(value, dtype=dtype)

    def ints(self, values: Any) -> int:
        """An int32 constant, such as axes or a permutation."""
        return self.constant(values, dtype=DType.I32)

    def type(self, index: int) -> Tensor:
        """The tensor at an index."""
        return self.subgraph.tensors[index]

    # --- operators

    def op(self, name: str, inputs: Sequence[int], outputs: Sequence[int], **options: Any) -> int:
        """Add an operator with the version that it needs; its first output."""
        tensors = self.subgraph.tensors
        version = version_of(
            name, [None if i == NO_TENSOR else tensors[i] for i in inputs], [tensors[i] for i in outputs], options
        )
        self.subgraph.operators.append(Operator(name, version, tuple(inputs), tuple(outputs), options))
        return outputs[0]

    def finish(self, values: Sequence[Value]) -> None:
        """Note that these values are computed by now: sizes can be read off them."""
        for value in values:
            for axis, dim in enumerate(value.type.shape):
                if isinstance(dim, SymDim):
                    self._sources.setdefault(dim, (self.tensor(value), axis))

    def emit(self, name: str, node: Node, *inputs: int, **options: Any) -> None:
        """Add the operator that computes a node's results; from its operands unless other inputs are given."""
        operands = inputs or tuple(self.tensor(v) for v in node.inputs)
        self.op(name, operands, [self.tensor(v) for v in node.outputs], **options)

    def step(self, name: str, inputs: Sequence[int], type: TensorType, **options: Any) -> int:
        """Add an operator with a new tensor for its one result."""
        return self.op(name, inputs, [self.temporary(type)], **options)

    def reshape(self, source: int, target: int, shape: Sequence[Dim]) -> None:
        """Add a RESHAPE. A constant shape of no elements would not count as constant: scalars use the option."""
        if shape:
            self.op("RESHAPE", [source, self.new_shape(shape)], [target])
        else:
            self.op("RESHAPE", [source], [target], new_shape=())

    def copy_constant(self, source: int, target: int) -> None:
        """Add an operator that does nothing and runs with the model.

        RESHAPE of what is known beforehand runs when memory is planned, and CompiledModel then loses its result.
        """
        self.op("SELECT_V2", [self.scalar(True, DType.BOOL), source, source], [target])

    def copy(self, value: Value, target: int) -> None:
        """Add an operator that does nothing, for a tensor that must not be the same as another."""
        shape = value.type.shape
        if value.is_constant:
            self.copy_constant(self.tensor(value), target)
            return
        if sum(isinstance(d, SymDim) for d in shape) < 2:
            self.reshape(self.tensor(value), target, shape)
            return
        bounds = [self.ints([v] * len(shape)) for v in (0, 0, 1)]
        mask = (1 << len(shape)) - 1
        self.op("STRIDED_SLICE", [self.tensor(value), *bounds], [target], begin_mask=mask, end_mask=mask)

    def fuse(self, node: Node, option: str, value: str) -> bool:
        """Let the operator before compute this node's result by an option that is "NONE" so far; False if it can't."""
        (x,) = node.inputs
        last = self.subgraph.operators[-1] if self.subgraph.operators else None
        alone = x.producer is not None and len(x.uses) == 1 and not self.graph.is_output(x)
        if last is None or not alone or self._of.get(x) not in last.outputs or last.options.get(option) != "NONE":
            return False
        if node.output in self._of:  # a tensor of its own, being an output
            return False
        last.options = {**last.options, option: value}
        self._of[node.output] = last.outputs[0]
        return True

    # --- sizes

    def dims(self, dims: Sequence[Dim]) -> int:
        """An int32 tensor of rank 1 that holds sizes; computed at run time where they are symbolic."""
        if not any(isinstance(d, SymDim) for d in dims):
            return self.ints(dims)
        return self.cached(("dims", tuple(dims)), lambda: sizes.emit_dims(self, dims))

    def size(self, dim: Dim) -> int:
        """An int32 tensor of shape [1] that holds one size."""
        if not isinstance(dim, SymDim):
            return self.ints([dim])
        return self.cached(("size", dim), lambda: sizes.emit_size(self, dim))

    def new_shape(self, shape: Sequence[Dim]) -> int:
        """The shape operand of RESHAPE: -1 stands for one symbolic dim, which keeps the operand a constant."""
        symbolic = [d for d in shape if isinstance(d, SymDim)]
        if len(symbolic) == 1:
            return self.ints([-1 if isinstance(d, SymDim) else d for d in shape])
        return self.dims(shape)

    def pairs(self, pairs: Sequence[tuple[Dim, Dim]]) -> int:
        """An int32 tensor of shape [n, 2] that holds sizes in pairs."""
        flat: list[Any] = [d for pair in pairs for d in pair]
        if not any(isinstance(d, SymDim) for d in flat):
            return self.ints(np.reshape(flat, (len(pairs), 2)))
        type = TensorType(DType.I32, (len(pairs), 2))
        return self.step("RESHAPE", [self.dims(flat), self.ints([len(pairs), 2])], type)

    def source(self, dim: SymDim) -> tuple[int, int] | None:
        """A tensor that is there already, and the axis along which it has this size; None if there is none."""
        return self._sources.get(dim)

    def multiple(self, name: str) -> SymDim | None:
        """A size that some tensor has and that is several times the symbol `name`."""
        return next((d for d in self._sources if isinstance(d, SymDim) and (t := times(d)) and t[0] == name), None)

    def cached(self, key: Any, make: Callable[[], int]) -> int:
        """The tensor that `make` adds, made once."""
        if key not in self._sizes:
            self._sizes[key] = make()
        return self._sizes[key]

    # --- inner parts

    def _add(self, name: str, type: TensorType, buffer: int = 0) -> int:
        self.subgraph.tensors.append(Tensor.of(self._names.unique(name or "tensor"), type, buffer, self.sizes))
        return len(self.subgraph.tensors) - 1

    def _buffer(self, array: Array, dtype: np.dtype[Any]) -> int:
        key = (_identity(array), dtype)
        if key not in self._buffers:
            self._buffers[key] = self.model.add_buffer(array, dtype)
        return self._buffers[key]

    def _halves(self, array: Array) -> bool:
        """Whether a float32 constant goes to the file in float16: large, of several axes, and in range."""
        if not self.half_weights or array.ndim < 2 or array.size < HALF_MIN:
            return False
        return bool(max(-float(array.min()), float(array.max())) <= _HALF_MAX)


def _identity(array: Array) -> Any:
    """A key that is equal for arrays of the same elements: by content if small, else by place in memory."""
    return content(array) if array.nbytes <= _SMALL else place(array)
