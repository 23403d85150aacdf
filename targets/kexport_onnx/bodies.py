"""Emits bodies of loops and branches: the outer values that they read, and the graphs that they become.

ONNX bodies see the values around them. So weights, sizes and whatever a loop only reads stay outside, where they are
stored or computed once; names are unique in the whole model.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from kexport.ir.graph import Graph, Value
from kexport.ir.types import DType, TensorType
from kexport.target import EmitterTable
from kexport_onnx.context import Context
from kexport_onnx.refs import Call, Ref
from kexport_shared.emit.walk import emit_nodes


@dataclass
class Subgraph:
    """The value of an attribute that holds a graph."""

    name: str
    inputs: list[tuple[str, TensorType]]
    outputs: list[tuple[str, TensorType]]
    calls: list[Call]


class Scope(Context):
    """A context for the nodes of a body.

    Args:
        around: the context of the node that holds the body.
        calls: where nodes are added: that of `around` if the body is written out there.
    """

    def __init__(self, around: Context, calls: list[Call]):
        super().__init__(around.graph, around.opset)
        self.calls = calls
        self.weights = around.weights
        self.names = around.names
        self.sizes = around.sizes
        self._shared = around._shared
        self._origin = around._origin
        self._formal: list[tuple[str, TensorType]] = []

    def formal(self, name: str, type: TensorType) -> Ref:
        """The next input of the body."""
        ref = Ref(self.unique(f"{self._origin}/{name}" if self._origin else name), type.dtype)
        self._formal.append((ref.name, type))
        return ref

    def emit(self, body: Graph, operands: Iterable[Ref], emitters: EmitterTable) -> list[Ref]:
        """Emit the nodes of a body on operands; its results."""
        self._refs.update(zip(body.inputs, operands, strict=True))
        emit_nodes(self, body, emitters)
        return [self.ref(o.value) for o in body.outputs]

    def close(self, name: str, results: Sequence[tuple[Ref, TensorType]]) -> Subgraph:
        """Finish the body with these results. One that no inner node produces goes through an Identity."""
        free = {output for call in self.calls for output in call.outputs}
        outputs: list[tuple[str, TensorType]] = []
        for ref, type in results:
            own = ref if ref.name in free else self.op("Identity", ref)
            free.discard(own.name)
            outputs.append((own.name, type))
        return Subgraph(name, self._formal, outputs, self.calls)


def written_out(e: Context, body: Graph, operands: Iterable[Ref], emitters: EmitterTable) -> list[Ref]:
    """The results of a body whose nodes are added to the graph around it."""
    return Scope(e, e.calls).emit(body, operands, emitters)


def all_calls(calls: Iterable[Call]) -> Iterator[Call]:
    """Nodes and those of the bodies that they hold."""
    for call in calls:
        yield call
        for value in call.attributes.values():
            if isinstance(value, Subgraph):
                yield from all_calls(value.calls)


def live_calls(calls: Iterable[Call], wanted: Iterable[str]) -> list[Call]:
    """Return the nodes, bodies included, that the tensors in `wanted` need: emitters may leave values unread."""
    needed = set(wanted)
    kept = list[Call]()
    for call in reversed(list(calls)):
        if needed.isdisjoint(call.outputs):
            continue
        kept.append(call)
        for value in call.attributes.values():
            if isinstance(value, Subgraph):
                value.calls = live_calls(value.calls, [name for name, _ in value.outputs])
        needed.update(name for c in all_calls([call]) for name in c.inputs if name)
    return kept[::-1]


def result_types(body: Graph) -> list[TensorType]:
    """The types of the results of a body."""
    return [o.value.type for o in body.outputs]


def dtypes(values: Iterable[Value]) -> list[DType | None]:
    """Element types of values."""
    return [v.type.dtype for v in values]
