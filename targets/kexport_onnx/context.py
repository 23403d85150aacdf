"""The emission context: collects ONNX nodes and weights while a graph is emitted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kexport.errors import EmitError
from kexport.ir.dim import Dim
from kexport.ir.graph import Graph, Node, Value
from kexport.ir.op import Array
from kexport.ir.types import DType
from kexport.rewrite.grids import dequantized, grid_of
from kexport_onnx.dtypes import CODES
from kexport_onnx.kernels import compute_type
from kexport_onnx.refs import Call, Ref
from kexport_onnx.sizes import OnnxArithmetic
from kexport_onnx.writer import Weight
from kexport_shared.emit.keys import content, place
from kexport_shared.emit.names import Names
from kexport_shared.emit.sizes import Sizes


class Context:
    """What emitters get: the operands of a node as `Ref`s, and ways to add nodes and constants.

    Args:
        graph: the legalized graph.
        opset: the ONNX opset that nodes are made for.
    """

    def __init__(self, graph: Graph, opset: int):
        self.graph = graph
        self.opset = opset
        self.calls: list[Call] = []
        self.weights: list[Weight] = []
        self._refs: dict[Value, Ref] = {}
        self._shared: dict[Any, Ref] = {}
        self.names = Names(":", first=1)
        self.sizes = Sizes[Ref](OnnxArithmetic(self))
        self._origin = ""

    # --- values

    def declare(self, value: Value, name: str, dtype: DType | None = None) -> None:
        """Name a graph input, which may come as another element type."""
        self.unique(name)
        self._refs[value] = self.cast(Ref(name, dtype or value.type.dtype), value.type.dtype)

    def reserve(self, name: str) -> None:
        """Keep a name for an output."""
        self.unique(name)

    def ref(self, value: Value) -> Ref:
        """A value of the graph; a constant becomes an initializer."""
        if value.data is not None:
            return self.weight(value)
        if value not in self._refs and (source := dequantized(value)) is not None:
            self._refs[value] = self._integers(source, value)
        return self._refs[value]

    @property
    def values(self) -> Mapping[Value, Ref]:
        """Every value emitted so far that is no constant."""
        return self._refs

    def refs(self, node: Node) -> tuple[Ref, ...]:
        """The operands of a node."""
        return tuple(map(self.ref, node.inputs))

    def bind(self, node: Node, *results: Ref) -> None:
        """State what the results of a node are; one without name is not there, because nobody reads it."""
        for value, result in zip(node.outputs, results, strict=True):
            if not result.name:
                continue
            if result.dtype is not value.type.dtype:
                raise EmitError(f"{node.op.name} was emitted as {result.dtype}, not {value.type}", where=node.origin)
            self._refs[value] = result

    def enter(self, node: Node) -> None:
        """Begin to emit a node of the graph: its layer path names what is made now."""
        self._origin = node.origin

    # --- nodes

    def op(self, kind: str, *operands: Ref | None, dtype: DType | None = None, main: int = 0, **attributes: Any) -> Ref:
        """Add a node with one result.

        Args:
            kind: the ONNX op type.
            operands: None stands for an operand left out.
            dtype: the result's element type; that of operand `main` by default.
            main: the operand whose element type decides in which type the op is computed.
            attributes: None stands for an attribute left out.
        """
        return self.op_all(kind, *operands, dtypes=(dtype,), main=main, **attributes)[0]

    def op_all(
        self,
        kind: str,
        *operands: Ref | None,
        dtypes: Sequence[DType | None],
        main: int = 0,
        wanted: Sequence[bool] | None = None,
        **attributes: Any,
    ) -> tuple[Ref, ...]:
        """Add a node with a result for each of `dtypes`; those that are not `wanted` get no name.

        An element type that ONNX Runtime has no kernel for is cast to a wider one before, and back after the node.
        """
        given = next((o.dtype for o in operands[main:] if o is not None), None)
        wide = None if given is None else compute_type(kind, given)
        read = [self.cast(o, wide) if o and wide and o.dtype is given else o for o in operands]
        name = self.unique(self._origin or kind)
        results = _result_names(name, len(dtypes) if wanted is None else wanted)
        stated = {k: v for k, v in attributes.items() if v is not None}
        inputs = _trimmed([o.name if o else "" for o in read])
        self.calls.append(Call(kind, name, inputs, _trimmed(results), stated, wide))
        return tuple(self._result(r, d, wide, given) for r, d in zip(results, dtypes, strict=True))

    def _result(self, name: str, dtype: DType | None, wide: DType | None, given: DType | None) -> Ref:
        """The result that has `dtype`, or else the element type of the operands."""
        if dtype is not None:
            return Ref(name, dtype)
        if wide is None or given is None:
            raise EmitError(f"the element type of {name} must be given", where=self._origin)
        made = Ref(name, wide)
        return self.cast(made, given) if name else made

    def cast(self, x: Ref, dtype: DType) -> Ref:
        """x as another element type; x itself if it has it."""
        return x if x.dtype is dtype else self.op("Cast", x, dtype=dtype, to=CODES[dtype])

    def reshape(self, x: Ref, shape: Sequence[Dim]) -> Ref:
        """x in another shape."""
        return self.op("Reshape", x, self.dims(shape))

    # --- constants

    def weight(self, value: Value, perm: Sequence[int] | None = None, shape: Sequence[int] | None = None) -> Ref:
        """A constant as an initializer, transposed and then reshaped. The bytes are read when they are written."""
        assert value.data is not None
        data = value.data if perm is None else value.data.transpose(perm)
        shape = tuple(data.shape if shape is None else shape)
        key = (place(data), shape)
        if key not in self._shared:
            self._shared[key] = self._store(data, shape, self._weight_name(value))
        return self._shared[key]

    def made_of(self, value: Value, what: str, make: Callable[[Array], Array]) -> Ref:
        """An initializer computed from a constant; `what` says how, so that equal ones are shared."""
        assert value.data is not None
        key = (place(value.data), value.type, what)
        if key not in self._shared:
            data = make(value.data)
            self._shared[key] = self._store(data, data.shape, self._weight_name(value))
        return self._shared[key]

    def parameter(self, value: Value, perm: Sequence[int], shape: Sequence[int] | None = None) -> Ref:
        """An operand transposed and reshaped: at export time if it is constant, else by nodes."""
        if value.is_constant:
            return self.weight(value, perm, shape)
        if (source := dequantized(value)) is not None:
            return self._integers(source, value, perm, shape)
        moved = self.op("Transpose", self.ref(value), perm=list(perm))
        return moved if shape is None else self.reshape(moved, shape)

    def dequantized(self, integers: Ref, scale: Ref, zero_point: Ref, axis: int | None) -> Ref:
        """The numbers that integers stand for."""
        return self.op("DequantizeLinear", integers, scale, zero_point, dtype=scale.dtype, axis=axis)

    def _integers(
        self, source: Value, value: Value, perm: Sequence[int] | None = None, shape: Sequence[int] | None = None
    ) -> Ref:
        """The numbers that constant integers stand for, which are rearranged before."""

        def arranged(data: Array) -> Array:
            moved = data if perm is None else data.transpose(perm)
            return moved if shape is None else moved.reshape(shape)

        assert source.data is not None
        assert value.producer is not None
        grid = grid_of(value.producer)
        grid = grid and grid.moved(source.data.shape, arranged)
        assert grid is not None, "kernels have a scale for each filter at most"
        scale, zero = (v.type.dtype for v in value.producer.inputs[1:])
        form = () if grid.is_whole else (-1,)
        parameters = self.const(grid.scales.reshape(form), scale), self.const(grid.zeros.reshape(form), zero)
        return self.dequantized(self.weight(source, perm, shape), *parameters, axis=grid.axis)

    def const(self, data: Any, dtype: DType, name: str = "constant") -> Ref:
        """A small constant made here; equal ones are shared."""
        array = np.asarray(data, dtype.numpy)
        key = (content(array), dtype)
        if key not in self._shared:
            self._shared[key] = self._store(array, array.shape, name)
        return self._shared[key]

    def ints(self, values: Sequence[int]) -> Ref:
        """A vector of 64-bit integers: axes, a shape."""
        return self.const(list(values), DType.I64, "ints")

    def _weight_name(self, value: Value) -> str:
        return value.name or f"{self._origin or 'model'}/constant"

    def _store(self, data: Array, shape: tuple[int, ...], name: str) -> Ref:
        name = self.unique(name)
        self.weights.append(Weight(name, data, shape))
        return Ref(name, DType.of(data.dtype))

    # --- sizes

    def dims(self, dims: Sequence[Dim]) -> Ref:
        """Sizes as a vector of 64-bit integers: a constant, or computed from the shapes of the inputs."""
        return self.sizes.vector(dims)

    def dim(self, dim: Dim) -> Ref:
        """One size as a vector with one element."""
        return self.sizes.dim(dim)

    # --- names

    def unique(self, name: str) -> str:
        """`name`, or with the next number after a colon if it is taken."""
        return self.names.unique(name)


def _trimmed(names: list[str]) -> list[str]:
    """Names without the empty ones at the end."""
    count = len(names)
    while count and not names[count - 1]:
        count -= 1
    return names[:count]


def _result_names(name: str, wanted: int | Sequence[bool]) -> list[str]:
    """The names of all results of a node, in number, or of those that are wanted."""
    kept = [True] * wanted if isinstance(wanted, int) else wanted
    if len(kept) == 1:
        return [name] if kept[0] else [""]
    return [f"{name}.{i}" if k else "" for i, k in enumerate(kept)]
