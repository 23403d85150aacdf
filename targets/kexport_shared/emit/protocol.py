"""What the kernel asks of a target's emission context."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from kexport.ir.graph import Node, Value

R = TypeVar("R")
"""How a format names a tensor: a reference that operations take and give."""
ContextT = TypeVar("ContextT", bound="Emission[Any]")


class Walked(Protocol):
    """Collects the operations and constants of an artifact while the nodes of a graph are emitted."""

    def enter(self, node: Node) -> None:
        """Begin to emit a node: its layer path names what is made from now on."""
        ...


class Emission(Walked, Protocol[R]):
    """One whose operations name their results, so that these are bound to the values of the graph afterwards."""

    def ref(self, value: Value) -> R:
        """The tensor that holds a value; a constant is stored on its first use."""
        ...

    def bind(self, node: Node, *results: R) -> None:
        """State which tensors hold the results of a node, after checking their types."""
        ...
