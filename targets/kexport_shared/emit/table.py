"""Tables of emitters that return what they made, for formats whose operations name their own results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar, cast

from kexport import ops
from kexport.ir.graph import Node
from kexport.ir.op import Op, OpT
from kexport.target import EmitterTable
from kexport_shared.emit.protocol import ContextT, R

MadeT = TypeVar("MadeT")


class _Wrapper(Protocol):
    """An op around another op."""

    @property
    def op(self) -> Op: ...


class Emitters(EmitterTable, Generic[ContextT, R]):
    """Emitters by op. Its keys are the support list; a later entry replaces an earlier one.

    Args:
        base: a table to begin with, which stays as it is.
    """

    def __init__(self, base: Emitters[ContextT, R] | None = None) -> None:
        super().__init__()
        self.apply: dict[type[Op], Callable[[ContextT, Any, R], R]] = {}
        """Emitters of ops with one operand, called on a tensor: what a fused `activation` becomes."""
        if base is not None:
            self.emitters.update(base.emitters)
            self.reasons.update(base.reasons)
            self.apply.update(base.apply)

    def emits(
        self, *kinds: type[OpT]
    ) -> Callable[[Callable[[ContextT, OpT, Node], MadeT]], Callable[[ContextT, OpT, Node], MadeT]]:
        """Decorator: this function returns the tensor of the result of these ops, or a tuple of all results."""

        def register(make: Callable[[ContextT, OpT, Node], MadeT]) -> Callable[[ContextT, OpT, Node], MadeT]:
            @self(*kinds)
            def emit(e: ContextT, op: OpT, node: Node) -> None:
                made = make(e, op, node)
                self.finish(e, node, made if type(made) is tuple else (cast(R, made),))

            return make

        return register

    def applies(
        self, *kinds: type[OpT]
    ) -> Callable[[Callable[[ContextT, OpT, R], R]], Callable[[ContextT, OpT, R], R]]:
        """Decorator: this function of an op and the tensor of its only operand returns that of the result."""

        def register(apply: Callable[[ContextT, OpT, R], R]) -> Callable[[ContextT, OpT, R], R]:
            self.apply.update(dict.fromkeys(kinds, apply))
            self.emits(*kinds)(lambda e, op, node: apply(e, op, cast(R, e.ref(node.inputs[0]))))
            return apply

        return register

    def finish(self, e: ContextT, node: Node, results: tuple[R, ...]) -> None:
        """State what an emitter made of a node."""
        e.bind(node, *results)

    def activate(self, e: ContextT, name: str | None, x: R) -> R:
        """Apply what the `activation` attribute of an op names to its result."""
        if name is None:
            return x
        op = ops.ACTIVATIONS[name]
        return self.apply[type(op)](e, op, x)

    def unwrap(self, *wrappers: type[_Wrapper]) -> None:
        """Emit these ops by the op inside: its emitter gets that op, and the node with the operands as they are."""

        def emit(e: ContextT, op: Any, node: Node) -> None:
            self.emitters[type(op.op)](e, op.op, node)

        self.emitters.update(dict.fromkeys(cast("tuple[type[Op], ...]", wrappers), emit))

    def withdraw(self, reason: str, *kinds: type[Op]) -> None:
        """State why these ops, which the base has, are not supported here."""
        self.without(*kinds)
        self.unsupported(reason, *kinds)

    def without(self, *kinds: type[Op]) -> None:
        """Leave these ops, which the base has, to their decompositions."""
        for kind in kinds:
            del self.emitters[kind]
