"""The emission context: collects MIL operations and weights while a graph is emitted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from kexport.errors import EmitError
from kexport.ir.dim import Dim, SymDim
from kexport.ir.graph import Graph, Node, Value
from kexport.ir.op import Array
from kexport.ir.types import DType
from kexport.ops.broadcast import broadcast_shapes
from kexport_coreml.dtypes import NAMES, computed
from kexport_coreml.refs import Block, Call, Constant, Packed, Program, Ref, identifier
from kexport_coreml.signatures import Signature, signature
from kexport_coreml.sizes import MilArithmetic
from kexport_shared.emit.keys import content, place
from kexport_shared.emit.names import Names
from kexport_shared.emit.sizes import Sizes

SHARED_ELEMENTS = 64
"""Constants that emitters make are shared if they have at most this many elements."""
PACKED_ELEMENTS = 1024
"""From here on integers that fit into 8 bits are stored so. Before iOS 18 weight files hold no wider ones at all."""


class Context:
    """What emitters get: the operands of a node as `Ref`s, and ways to add operations and constants.

    Args:
        graph: the legalized graph.
        ios: the iOS version whose operations may be used.
        precision: the type in which floats are computed.
        exceptions: nodes that are computed in float32 anyway.
    """

    def __init__(self, graph: Graph, ios: int, precision: DType = DType.F32, exceptions: Iterable[Node] = ()):
        self.graph = graph
        self.ios = ios
        self.precision = precision
        self.exceptions = frozenset(exceptions)
        self._float = DType.F32
        self._main = self.program = Program()
        self.values: dict[Value, Ref] = {}
        self._shared: dict[Any, Ref] = {}
        self._made: dict[Any, tuple[Array, Array]] = {}
        self._casts: dict[tuple[Ref, DType], Ref] = {}
        self._names = Names()
        self._origin = ""
        self.sizes = Sizes[Ref](MilArithmetic(self))

    # --- values

    def declare(self, value: Value, ref: Ref) -> None:
        """State what a graph input is."""
        self.values[value] = ref

    def raw(self, value: Value) -> Ref:
        """A value of the graph that is no constant, in the type in which it was made."""
        return self.values[value]

    def ref(self, value: Value) -> Ref:
        """A value of the graph in the type in which this node is computed; a constant becomes a weight."""
        if value.data is not None:
            return self.weight(value.data, value.name)
        made = self.values[value]
        wanted = self.computed(value.type.dtype)
        if made.dtype is wanted:
            return made
        if (made, wanted) not in self._casts:
            self._casts[made, wanted] = self.cast(made, wanted)
        return self._casts[made, wanted]

    def computed(self, dtype: DType) -> DType:
        """The type that stands for `dtype` in this node."""
        found = computed(dtype)
        return self._float if found is DType.F32 else found

    def refs(self, node: Node) -> tuple[Ref, ...]:
        """The operands of a node."""
        return tuple(map(self.ref, node.inputs))

    def bind(self, node: Node, *results: Ref) -> None:
        """State what the results of a node are."""
        for value, result in zip(node.outputs, results, strict=True):
            wanted = self.computed(value.type.dtype)
            if result.dtype is not wanted or result.shape != value.type.shape:
                made = f"{result.dtype}[{','.join(map(str, result.shape))}]"
                raise EmitError(f"{node.op.name} was emitted as {made}, not {value.type}", where=node.origin)
            self.values[value] = result

    def enter(self, node: Node) -> None:
        """Begin to emit a node of the graph: its layer path names what is made now."""
        self._origin = node.origin
        self._float = DType.F32 if node in self.exceptions else self.precision

    # --- blocks

    @contextmanager
    def block(self, inputs: Iterable[Ref] = ()) -> Iterator[Block]:
        """What is added now goes into a new block."""
        state = self.program, self._casts, self._origin, self._float
        block = Block(list(inputs))
        self.program = block.program
        self._casts = dict(self._casts)
        try:
            yield block
        finally:
            self.program, self._casts, self._origin, self._float = state

    @contextmanager
    def outside(self) -> Iterator[None]:
        """What is added now stands before all blocks, so every one of them sees it: what it reads must stand there."""
        inner = self.program
        self.program = self._main
        try:
            yield
        finally:
            self.program = inner

    # --- operations

    def op(self, kind: str, *, shape: Sequence[Dim] | None = None, dtype: DType | None = None, **inputs: Any) -> Ref:
        """Add an operation with one result; see `op_all`. Shape and type are those of the first operand by default."""
        first = next((v for v in inputs.values() if isinstance(v, Ref)), None)
        if first is None:
            first = next((v[0] for v in inputs.values() if isinstance(v, list) and v and isinstance(v[0], Ref)), None)
        if (shape is None or dtype is None) and first is None:
            raise EmitError(f"the type of {kind} must be given", where=self._origin)
        shape = first.shape if shape is None else shape  # type: ignore[union-attr]
        return self.op_all(kind, ((dtype, tuple(shape)),), **inputs)[0]

    def op_all(
        self,
        kind: str,
        results: Sequence[tuple[DType | None, tuple[Dim, ...]]],
        blocks: Sequence[Block] = (),
        **inputs: Any,
    ) -> tuple[Ref, ...]:
        """Add an operation.

        Args:
            kind: the MIL operation.
            results: the type of each result; None for the element type of the first operand.
            blocks: what it runs.
            inputs: by parameter (`shape_`, `dtype_`: names taken here) a Ref, a list of them, or plain values, which
                become constants: floats of the
                element type of the first operand. None is left out; parameters with a fixed default get it.
        """
        sig = signature(kind, self.ios)
        given = {k.removesuffix("_"): v for k, v in inputs.items() if v is not None}
        main, wide = self._types(sig, given)
        if main is not None and wide is not None and wide is not main:
            given = {k: self._widened(v, main, wide) for k, v in given.items()}
        bound = {k: self._argument(sig, k, v, wide) for k, v in {**sig.defaults(), **given}.items()}
        name = self.unique(identifier(self._origin or kind))
        names = [name] if len(results) == 1 else [self.unique(f"{name}_{i}") for i in range(len(results))]
        refs = tuple(Ref(n, d or wide or DType.F32, s) for n, (d, s) in zip(names, results, strict=True))
        order = {k: bound[k] for k in sig.inputs if k in bound}
        self.program.steps.append(Call(kind, order, list(refs), list(blocks)))
        if wide is main or main is None:
            return refs
        return tuple(r if d else self.cast(r, main) for r, (d, _) in zip(refs, results, strict=True))

    def _types(self, sig: Signature, given: dict[str, Any]) -> tuple[DType | None, DType | None]:
        """The element type of the first operand, and the one it enters as: int32 for booleans where those may not."""
        for name, value in given.items():
            ref = value[0] if isinstance(value, list) and value else value
            if isinstance(ref, Ref):
                allowed = sig.inputs[name].dtypes if name in sig.inputs else ()
                refused = ref.dtype is DType.BOOL and allowed and "bool" not in allowed
                return ref.dtype, DType.I32 if refused else ref.dtype
        return None, None

    def _widened(self, value: Any, main: DType, wide: DType) -> Any:
        if isinstance(value, list):
            return [self._widened(v, main, wide) for v in value]
        return self.cast(value, wide) if isinstance(value, Ref) and value.dtype is main else value

    def _argument(self, sig: Signature, name: str, value: Any, main: DType | None) -> list[str]:
        parameter = sig.inputs.get(name)
        if parameter is None:
            raise EmitError(f"{sig.kind} has no parameter {name!r} for iOS {self.ios}", where=self._origin)
        values = value if isinstance(value, (list, tuple)) and not isinstance(value, Ref) else [value]
        if values and all(isinstance(v, Ref) for v in values):
            for v in values:
                self._check(sig, name, v)
            return [v.name for v in values]
        follows = main is not None and parameter.domain and NAMES[main] in parameter.dtypes
        return [self.literal(value, main if follows else None).name]

    def _check(self, sig: Signature, name: str, ref: Ref) -> None:
        parameter = sig.inputs[name]
        if parameter.dtypes and NAMES[ref.dtype] not in parameter.dtypes:
            what = f"{sig.kind} of Core ML takes no {ref.dtype} for {name!r}, only {', '.join(parameter.dtypes)}"
            raise EmitError(what, where=self._origin)
        if parameter.const and not ref.constant:
            raise EmitError(f"{sig.kind} of Core ML needs a constant {name!r} for iOS {self.ios}", where=self._origin)

    def cast(self, x: Ref, dtype: DType) -> Ref:
        """x as another element type; x itself if it has it."""
        if x.dtype is dtype:
            return x
        return self.op("cast", dtype=dtype, x=x, dtype_=NAMES[dtype])

    def elementwise(self, kind: str, *operands: Ref, dtype: DType | None = None) -> Ref:
        """An operation on x and y, broadcast."""
        shape = operands[0].shape
        for other in operands[1:]:
            shape = broadcast_shapes(shape, other.shape)
        return self.op(kind, shape=shape, dtype=dtype, **dict(zip(("x", "y"), operands, strict=False)))

    def dims(self, dims: Sequence[Dim]) -> Ref | list[int]:
        """Sizes as a vector: plain numbers, or computed from the shapes of the inputs."""
        if not any(isinstance(d, SymDim) for d in dims):
            return [int(d) for d in dims]  # type: ignore[arg-type]
        return self.sizes.vector(dims)

    def size(self, dim: Dim) -> Ref:
        """One size as a scalar."""
        if not isinstance(dim, SymDim):
            return self.const(dim, DType.I32)
        with self.outside():
            return self.op("squeeze", shape=(), x=self.sizes.dim(dim), axes=[0])

    def reshape(self, x: Ref, shape: Sequence[Dim]) -> Ref:
        """x in another shape; one open size is left to Core ML."""
        if x.shape == tuple(shape):
            return x
        symbolic = [i for i, d in enumerate(shape) if isinstance(d, SymDim)]
        sizes = [-1 if i in symbolic else d for i, d in enumerate(shape)] if len(symbolic) == 1 else list(shape)
        return self.op("reshape", shape=shape, x=x, shape_=self.dims(sizes))

    # --- constants

    def literal(self, value: Any, dtype: DType | None) -> Ref:
        """A plain value: a word, booleans, integers, or numbers of `dtype`."""
        if isinstance(value, str):
            return self._store(value, value, DType.STRING, ())
        array = np.asarray(value)
        if dtype is None:
            dtype = {"b": DType.BOOL, "f": DType.F32}.get(array.dtype.kind, DType.I32)
            dtype = DType.I32 if not array.size else dtype
        return self.const(array, dtype)

    def const(self, data: Any, dtype: DType, name: str = "") -> Ref:
        """A constant made here, of an element type that Core ML has; small ones are shared."""
        with np.errstate(over="ignore"):
            array = np.asarray(data).astype(dtype.numpy)
        key = content(array) if array.size <= SHARED_ELEMENTS else None
        return self._store(key, array, dtype, array.shape, name)

    def weight(
        self,
        data: Array,
        name: str = "",
        perm: Sequence[int] | None = None,
        shape: Sequence[int] | None = None,
        dtype: DType | None = None,
    ) -> Ref:
        """A constant of the graph, transposed, then reshaped, then cast. The bytes are read when they are written."""
        data = data if perm is None else data.transpose(perm)
        dtype = self.computed(DType.of(data.dtype)) if dtype is None else dtype
        shape = tuple(data.shape if shape is None else shape)
        if dtype is DType.I32:
            self._check_range(data)
        stored = self._bytes(data) if dtype is not DType.BOOL else None
        if stored is not None:
            return self._packed(data, stored, dtype, shape, name)
        key = (place(data), shape, dtype)
        return self._store(key, data, dtype, shape, name)

    def parameter(self, value: Value, perm: Sequence[int], shape: Sequence[Dim] | None = None) -> Ref:
        """An operand transposed and reshaped: at export time if it is constant, else by operations."""
        if value.data is not None:
            return self.weight(value.data, value.name, perm, shape)  # type: ignore[arg-type]
        x = self.ref(value)
        moved = self.op("transpose", shape=[x.shape[p] for p in perm], x=x, perm=list(perm))
        return moved if shape is None else self.reshape(moved, shape)

    def _bytes(self, data: Array) -> DType | None:
        """The type of 8 bits that holds all of many integers; since iOS 16 they can be stored so."""
        if data.dtype.kind not in "iu" or data.size < PACKED_ELEMENTS or self.ios < 16:
            return None
        low = int(data.min())
        high = int(data.max())
        if low >= -128 and high <= 127:
            return DType.I8
        return DType.U8 if low >= 0 and high <= 255 else None

    def _packed(self, data: Array, stored: DType, dtype: DType, shape: tuple[int, ...], name: str) -> Ref:
        unpacked = dtype if dtype.is_float else DType.F32
        key = ("packed", place(data), shape)
        if (key, unpacked) not in self._shared:
            ref = Ref(self.unique(identifier(name or f"{self._origin}/const")), unpacked, shape, True)
            self._main.steps.append(Packed(ref, data, stored))
            self._shared[key, unpacked] = ref
        if (key, dtype) not in self._shared:
            with self.outside():
                self._shared[key, dtype] = self.cast(self._shared[key, unpacked], dtype)
        return self._shared[key, dtype]

    def _check_range(self, data: Array) -> None:
        limits = np.iinfo(np.int32)
        if data.dtype.itemsize > 4 and data.size and (data.min() < limits.min or data.max() > limits.max):
            raise EmitError("a constant does not fit into int32, the widest integers of Core ML", where=self._origin)

    def _store(self, key: Any, data: Array | str, dtype: DType, shape: tuple[int, ...], name: str = "") -> Ref:
        if key is not None and key in self._shared:
            return self._shared[key]
        ref = Ref(self.unique(identifier(name or f"{self._origin}/const")), dtype, shape, True)
        self._main.steps.append(Constant(ref, data))
        if key is not None:
            self._shared[key] = ref
        return ref

    def once(self, data: Array, key: Any, make: Callable[[], Array]) -> Array:
        """What is made of `data` for a purpose that `key` tells; the second time it is there already."""
        known = (place(data), key)
        if known not in self._made:
            self._made[known] = data, make()
        return self._made[known][1]

    # --- names

    def unique(self, name: str) -> str:
        """`name`, or with the next number behind it if it is taken."""
        return self._names.unique(name)
