"""Graph, Node and Value: SSA over tensors, nodes always in topological order, uses exact."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np

from kexport.errors import GraphError
from kexport.ir.dim import Dim
from kexport.ir.op import Array, Op, infer, value_symbols
from kexport.ir.types import TensorType


def _same(x: Any) -> Any:
    return x


class Value:
    """A tensor: a graph input, a constant (`data` is set), or a result of a node (`producer` is set)."""

    __slots__ = ("data", "index", "name", "producer", "type", "uses")

    def __init__(self, type: TensorType, name: str = "", data: Array | None = None):
        self.type = type
        self.name = name
        self.data = data
        self.producer: Node | None = None
        self.index = 0
        self.uses: dict[Use, None] = {}

    @property
    def is_constant(self) -> bool:
        return self.data is not None

    @property
    def users(self) -> list[Node]:
        """The nodes that read this value, each once, in order of use."""
        return list(dict.fromkeys(u.node for u in self.uses))

    def __repr__(self) -> str:
        return f"%{self.name or hex(id(self))}: {self.type}"


class Node:
    """One application of an op. `origin` is the Keras layer path; `prev` and `next` are for Graph alone."""

    __slots__ = ("graph", "inputs", "next", "op", "origin", "outputs", "prev")
    next: Any
    prev: Any

    def __init__(self, op: Op, inputs: tuple[Value, ...], types: Iterable[TensorType], origin: str):
        self.op = op
        self.inputs = inputs
        self.origin = origin
        self.graph: Graph | None = None
        self.outputs = tuple(Value(t) for t in types)
        for i, v in enumerate(self.outputs):
            v.producer = self
            v.index = i

    @property
    def output(self) -> Value:
        """The single result; an error if there are several."""
        (value,) = self.outputs
        return value

    @property
    def bodies(self) -> tuple[Graph, ...]:
        """The graphs held by the op (loop bodies, branches)."""
        return self.op.bodies()

    def __repr__(self) -> str:
        return f"{self.op} @{self.origin!r}"


class Use(NamedTuple):
    """A use of a value: operand number `index` of `node`."""

    node: Node
    index: int  # pyright: ignore[reportIncompatibleMethodOverride]


class Output(NamedTuple):
    """A named result of a graph."""

    name: str
    value: Value


class Graph:
    """A list of nodes from `inputs` to `outputs`. A constant lives as long as something uses it."""

    is_graph: ClassVar[bool] = True

    def __init__(self, name: str = "main"):
        self.name = name
        self.inputs: list[Value] = []
        self._outputs: list[Output] = []
        self._ends = _Ends()

    # --- reading

    @property
    def outputs(self) -> tuple[Output, ...]:
        return tuple(self._outputs)

    @property
    def nodes(self) -> Iterator[Node]:
        """Nodes in topological order; the current one may be erased, and nodes inserted, while iterating."""
        node = self._ends.next
        while isinstance(node, Node):
            following = node.next
            yield node
            node = node.next if node.graph is self else following

    @property
    def reversed_nodes(self) -> Iterator[Node]:
        """Nodes from last to first; the current one may be erased while iterating."""
        node = self._ends.prev
        while isinstance(node, Node):
            before = node.prev
            yield node
            node = before

    @property
    def constants(self) -> list[Value]:
        """The constants in use, in order of first use."""
        used = [v for n in self.nodes for v in n.inputs] + [o.value for o in self._outputs]
        return list(dict.fromkeys(v for v in used if v.is_constant))

    def is_output(self, value: Value) -> bool:
        return any(o.value is value for o in self._outputs)

    def is_used(self, value: Value) -> bool:
        return bool(value.uses) or self.is_output(value)

    def symbols(self) -> set[str]:
        """The names of all symbolic dims in the graph."""
        values = [*self.inputs, *(v for n in self.nodes for v in n.outputs)]
        held = {s for n in self.nodes for s in n.op.symbols()}
        return held | {s for v in values for s in value_symbols(v.type.shape)}

    # --- building

    def input(self, name: str, type: TensorType) -> Value:
        """Declare the next graph input."""
        value = Value(type, name)
        self.inputs.append(value)
        return value

    def constant(self, data: Any, name: str = "") -> Value:
        """A constant holding `data`, which is not copied."""
        array = np.asarray(data)
        return Value(TensorType.of(array), name, array)

    def add(self, op: Op, *operands: Value, origin: str = "", before: Node | None = None) -> Node:
        """Add a node at the end, or before another; result types are inferred.

        Raises:
            GraphError: the operands do not fit the op; names the layer path.
        """
        try:
            types = infer(op, tuple(v.type for v in operands))
        except GraphError as e:
            raise e.located(origin or None) from None
        node = Node(op, operands, types, origin)
        self._link(node, self._ends if before is None else before)
        for i, value in enumerate(operands):
            value.uses[Use(node, i)] = None
        return node

    def output(self, name: str, value: Value) -> None:
        """Declare the next graph output."""
        if any(o.name == name for o in self._outputs):
            raise GraphError(f"two outputs are called {name!r}")
        self._outputs.append(Output(name, value))

    # --- editing

    def replace(self, old: Value, new: Value) -> None:
        """Make every use of `old` read `new`.

        Raises:
            GraphError: the types differ.
        """
        if old.type != new.type:
            where = old.producer.origin if old.producer else old.name
            raise GraphError(f"cannot replace a value of type {old.type} by one of type {new.type}", where=where)
        if old is new:
            return
        for use in list(old.uses):
            self.set_operand(use.node, use.index, new)
        self._outputs = [o._replace(value=new) if o.value is old else o for o in self._outputs]

    def set_operand(self, node: Node, index: int, value: Value) -> None:
        """Make operand `index` of `node` read `value`."""
        node.inputs[index].uses.pop(Use(node, index), None)
        node.inputs = (*node.inputs[:index], value, *node.inputs[index + 1 :])
        value.uses[Use(node, index)] = None

    def keep_outputs(self, names: Collection[str]) -> None:
        """Drop all outputs except these, in their order."""
        self._outputs = [o for o in self._outputs if o.name in names]

    def erase(self, node: Node) -> None:
        """Remove a node.

        Raises:
            GraphError: a result is still used.
        """
        if any(self.is_used(v) for v in node.outputs):
            raise GraphError(f"{node.op.name} is still used and cannot be erased", where=node.origin)
        for i, value in enumerate(node.inputs):
            value.uses.pop(Use(node, i), None)
        node.prev.next, node.next.prev = node.next, node.prev
        node.graph = None

    def become(self, other: Graph) -> None:
        """Take over the contents of another graph, such as a bound copy; the other must not be used afterwards."""
        self.inputs = other.inputs
        self._outputs = other._outputs
        self._ends = other._ends
        for node in self.nodes:
            node.graph = self

    # --- copies

    def bind(self, values: Mapping[str, Dim]) -> Graph:
        """Copy the graph with symbols replaced; constants are shared, result types are inferred anew."""
        return self.copy(lambda op: op.bind(values), lambda type: type.bind(values))

    def copy(self, map_op: Callable[[Op], Op] = _same, map_input: Callable[[TensorType], TensorType] = _same) -> Graph:
        """Copy the graph with ops and input types mapped; constants are shared, bodies are not."""
        copy = Graph(self.name)
        env = {v: copy.input(v.name, map_input(v.type)) for v in self.inputs}
        for node in self.nodes:
            operands = (env[v] if not v.is_constant else v for v in node.inputs)
            made = copy.add(map_op(node.op).copied(), *(self._detached(v, env) for v in operands), origin=node.origin)
            for old, new in zip(node.outputs, made.outputs, strict=True):
                env[old] = new
                new.name = old.name
        for name, value in self._outputs:
            copy.output(name, self._detached(value, env) if value.is_constant else env[value])
        return copy

    @staticmethod
    def _detached(value: Value, env: dict[Value, Value]) -> Value:
        if not value.is_constant:
            return value
        return env.setdefault(value, Value(value.type, value.name, value.data))

    def _link(self, node: Node, before: Node | _Ends) -> None:
        node.graph = self
        node.prev = before.prev
        node.next = before
        before.prev.next = node
        before.prev = node


class _Ends:
    """The sentinel before the first and after the last node."""

    __slots__ = ("next", "prev")

    def __init__(self) -> None:
        self.prev: Any = self
        self.next: Any = self
