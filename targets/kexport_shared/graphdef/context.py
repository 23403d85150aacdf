"""The emission context: collects nodes and constants while a graph is emitted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kexport.errors import EmitError
from kexport.ir.dim import Dim, SymDim, is_symbol
from kexport.ir.graph import Graph, Node, Value
from kexport.ir.types import DType
from kexport_shared.emit.keys import content, place
from kexport_shared.emit.sizes import Sizes
from kexport_shared.emit.table import Emitters
from kexport_shared.emit.walk import emit_nodes
from kexport_shared.graphdef.dialect import Dialect
from kexport_shared.graphdef.nodes import Const, NodeDef, Ref, type_attributes
from kexport_shared.graphdef.shared import Shared
from kexport_shared.graphdef.sizes import NodeArithmetic


class Context:
    """What emitters get: the operands of a node as `Ref`s, and ways to add nodes and constants.

    Args:
        graph: the legalized graph.
        dialect: element types and kernels of the engine that nodes are made for.
        table: the emitters, which may call each other.
        shared: what the contexts of the graph's bodies share with its own.
    """

    def __init__(self, graph: Graph, dialect: Dialect, table: Emitters[Any, Ref], shared: Shared | None = None):
        self.graph = graph
        self.dialect = dialect
        self.table = table
        self.is_body = shared is not None
        self.shared = shared or Shared()
        self.nodes: list[NodeDef] = []
        self.consts: dict[str, Const] = {}
        self.arguments: list[Ref] = []
        self.borrowed: dict[str, Ref] = {}
        """Sizes that a body's own arguments do not tell: further arguments."""
        self._arithmetic = NodeArithmetic(self)
        self.sizes = Sizes[Ref](self._arithmetic, in_runs=True)
        self.values: dict[Value, Ref] = {}
        self._origin = ""

    # --- values

    def declare(self, value: Value, name: str, shape: Any) -> Ref:
        """Make a graph input; its node is called `name` as far as that is possible."""
        dtype = self.dialect.stored(value.type.dtype)
        node = NodeDef("Placeholder", self.unique(name), [], {"dtype": dtype, "shape": shape})
        self.nodes.append(node)
        self.values[value] = Ref(node.name, dtype)
        return self.values[value]

    def argue(self, value: Value) -> None:
        """Make the next input of a body."""
        self.values[value] = self._argument(self.dialect.stored(value.type.dtype))

    def borrow(self, size: str) -> Ref:
        """A size as a further argument: a vector with one element.

        Raises:
            EmitError: this is no body, so nothing outside knows it.
        """
        if not self.is_body:
            raise EmitError(f"the size {size!r} is not the size of an axis of an input")
        if size not in self.borrowed:
            self.borrowed[size] = self._argument(DType.I32)
        return self.borrowed[size]

    def _argument(self, dtype: DType) -> Ref:
        self.arguments.append(self.shared.argument(len(self.arguments), dtype))
        return self.arguments[-1]

    def ref(self, value: Value) -> Ref:
        """A value of the graph; a constant becomes a node."""
        return self.weight(value) if value.data is not None else self.values[value]

    def refs(self, node: Node) -> tuple[Ref, ...]:
        """The operands of a node."""
        return tuple(map(self.ref, node.inputs))

    def bind(self, node: Node, *results: Ref) -> None:
        """State what the results of a node are."""
        for value, result in zip(node.outputs, results, strict=True):
            kept = self.dialect.wrap(self, node, result, value.type.dtype)
            if kept.dtype is not self.dialect.stored(value.type.dtype):
                raise EmitError(f"{node.op.name} was emitted as {kept.dtype}, not {value.type}", where=node.origin)
            self.values[value] = kept

    def enter(self, node: Node) -> None:
        """Begin to emit a node of the graph: its layer path names what is made now."""
        self._origin = node.origin

    def inner(self, body: Graph) -> Context:
        """The context of a body; its nodes are emitted."""
        context = Context(body, self.dialect, self.table, self.shared)
        for value in body.inputs:
            context.argue(value)
        emit_nodes(context, body, self.table)
        return context

    # --- nodes

    def op(self, kind: str, *operands: Ref, dtype: DType | None = None, main: int = 0, **attributes: Any) -> Ref:
        """Add a node with one result.

        Args:
            kind: the TensorFlow op.
            operands: tensors, in the order of the op's definition.
            dtype: the result's element type; that of operand `main` by default.
            main: the operand whose element type decides in which type the op is computed.
            attributes: besides those that state element types; None stands for one left out.
        """
        return self.op_all(kind, *operands, dtypes=(dtype,), main=main, **attributes)[0]

    def op_all(
        self, kind: str, *operands: Ref, dtypes: Sequence[DType | None], main: int = 0, **attributes: Any
    ) -> tuple[Ref, ...]:
        """Add a node with a result for each of `dtypes`."""
        given = operands[main].dtype if operands else None
        wide = self.dialect.computed(kind, given) if given else None
        if given and wide and wide is not given:
            operands = tuple(self.cast(o, wide) if o.dtype is given else o for o in operands)
        stated = type_attributes(kind, [o.dtype for o in operands])
        node = NodeDef(
            kind,
            self.unique(self._origin or kind),
            [o.name for o in operands],
            stated | {k: v for k, v in attributes.items() if v is not None},
        )
        self.nodes.append(node)
        results: list[Ref] = []
        for i, d in enumerate(dtypes):
            found = Ref(node.name if i == 0 else f"{node.name}:{i}", d or wide)  # type: ignore[arg-type]
            results.append(found if d or not given else self.cast(found, given))
        return tuple(results)

    def cast(self, x: Ref, dtype: DType) -> Ref:
        """x as another element type; x itself if it has it."""
        if x.dtype is dtype:
            return x
        if dtype is DType.BOOL:  # the wasm backend of TensorFlow.js copies the bytes
            return self.op("NotEqual", x, self.const(0, x.dtype), dtype=DType.BOOL)
        node = NodeDef(
            "Cast", self.unique(f"{self._origin or 'model'}/Cast"), [x.name], {"SrcT": x.dtype, "DstT": dtype}
        )
        self.nodes.append(node)
        return Ref(node.name, dtype)

    def reshape(self, x: Ref, shape: Sequence[Dim]) -> Ref:
        """x in another shape; the size that is hardest to compute is -1."""
        open_axes = [i for i, d in enumerate(shape) if isinstance(d, SymDim)]
        if not open_axes or 0 in shape:
            return self.op("Reshape", x, self.dims(shape))
        hardest = max(open_axes, key=lambda i: (not is_symbol(shape[i]), i))
        return self.op("Reshape", x, self.dims([-1 if i == hardest else d for i, d in enumerate(shape)]))

    def full(self, shape: Sequence[Dim], value: Any, dtype: DType) -> Ref:
        """One value everywhere."""
        return self.op("Fill", self.dims(shape), self.const(value, dtype), main=1)

    def dims(self, dims: Sequence[Dim]) -> Ref:
        """Sizes as a vector of 32-bit integers: a constant, or computed from the shapes of the inputs."""
        return self.sizes.vector(dims)

    def shape(self, x: Ref) -> Ref:
        """The shape of a tensor."""
        return self._arithmetic.shape(x)

    def knows(self, dim: Dim) -> bool:
        """Whether a size can be computed from the shapes of what was emitted before, or borrowed."""
        return self.is_body or self.sizes.knows(dim)

    # --- constants

    def weight(
        self,
        value: Value,
        perm: Sequence[int] | None = None,
        shape: Sequence[int] | None = None,
        dtype: DType | None = None,
    ) -> Ref:
        """A constant of the graph, transposed, reshaped and cast. The bytes are read when they are written."""
        assert value.data is not None
        data = value.data if perm is None else value.data.transpose(perm)
        return self._store(data, shape or data.shape, value.name or f"{self._origin or 'model'}/constant", dtype)

    def parameter(self, value: Value, perm: Sequence[int] | None = None, shape: Sequence[Dim] | None = None) -> Ref:
        """An operand transposed and reshaped: at export time if it is constant, else by nodes."""
        if value.is_constant and not any(isinstance(d, SymDim) for d in shape or ()):
            return self.weight(value, perm, shape)  # type: ignore[arg-type]
        x = self.ref(value)
        moved = x if perm is None else self.op("Transpose", x, self.ints(perm))
        return moved if shape is None else self.reshape(moved, shape)

    def const(self, data: Any, dtype: DType, name: str = "") -> Ref:
        """A small constant made here; equal ones are shared."""
        array = np.asarray(data, dtype.numpy)
        key = (content(array), dtype)
        return self._use(self.shared.constant(key, array, array.shape, name or "constant", self.dialect.stored(dtype)))

    def ints(self, values: Sequence[int]) -> Ref:
        """A vector of 32-bit integers: axes, a shape."""
        return self.const(np.array(list(values), np.int64), DType.I32, "ints")

    def scalar(self, value: int) -> Ref:
        """One 32-bit integer: an axis."""
        return self.const(value, DType.I32, "axis")

    def _store(self, data: Any, shape: Sequence[int], name: str, dtype: DType | None = None) -> Ref:
        dtype = self.dialect.stored(dtype or DType.of(data.dtype))
        key = (place(data), tuple(shape), dtype)
        self.dialect.check_range(data, dtype, self._origin)
        return self._use(self.shared.constant(key, data, shape, name, dtype))

    def _use(self, const: Const) -> Ref:
        self.consts[const.name] = const
        return Ref(const.name, const.dtype)

    # --- names

    @property
    def origin(self) -> str:
        """The layer path of the node that is emitted."""
        return self._origin

    def unique(self, name: str) -> str:
        """`name` in the letters that TensorFlow allows, or with the next number if it is taken."""
        return self.shared.unique(name)
