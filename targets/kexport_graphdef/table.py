"""Tables of emitters that a target extends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from kexport import ops
from kexport.ir.graph import Node
from kexport.ir.op import Op
from kexport.target import EmitterTable
from kexport_graphdef.context import Context
from kexport_graphdef.nodes import Ref

Make = Callable[[Context, Node], Ref | tuple[Ref, ...]]
Apply = Callable[[Context, Any, Ref], Ref]
MakeT = TypeVar("MakeT", bound=Make)
ApplyT = TypeVar("ApplyT", bound=Apply)


class OpTable(EmitterTable):
    """Emitters that return what they made. Its keys are the support list; a later entry replaces an earlier one."""

    def __init__(self, base: OpTable | None = None) -> None:
        super().__init__()
        self.apply: dict[type[Op], Apply] = {}
        """Functions of one operand by op: also what a fused `activation` becomes."""
        if base is not None:
            self.emitters.update(base.emitters)
            self.reasons.update(base.reasons)
            self.apply.update(base.apply)

    def withdraw(self, reason: str, *kinds: type[Op]) -> None:
        """State why these ops, which the base has, are not supported here."""
        self.without(*kinds)
        self.unsupported(reason, *kinds)

    def without(self, *kinds: type[Op]) -> None:
        """Leave these ops, which the base has, to their decompositions."""
        for kind in kinds:
            del self.emitters[kind]

    def emits(self, *kinds: type[Op]) -> Callable[[MakeT], MakeT]:
        """Decorator: this function of a node makes the results of these ops."""

        def register(make: MakeT) -> MakeT:
            @self(*kinds)
            def emit(e: Context, node: Node) -> None:
                made = make(e, node)
                e.bind(node, *((made,) if isinstance(made, Ref) else made))

            return make

        return register

    def applies(self, *kinds: type[Op]) -> Callable[[ApplyT], ApplyT]:
        """Decorator: this function of an op and its only operand makes the result of these ops."""

        def register(apply: ApplyT) -> ApplyT:
            self.apply.update(dict.fromkeys(kinds, apply))
            self.emits(*kinds)(lambda e, node: apply(e, node.op, e.ref(node.inputs[0])))
            return apply

        return register


def activate(e: Context, name: str | None, x: Ref) -> Ref:
    """What the `activation` attribute of an op does to its result."""
    if name is None:
        return x
    op = ops.ACTIVATIONS[name]
    return e.table.apply[type(op)](e, op, x)


COMMON = OpTable()
"""Ops that TensorFlow and TensorFlow.js have in one and the same form."""
