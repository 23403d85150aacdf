"""The table of emitters: its keys are the ops that this target supports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kexport.ir.graph import Node
from kexport.ir.op import Op
from kexport.target import EmitterTable
from kexport_onnx.context import Context, Ref

EMIT = EmitterTable()

Make = Callable[[Context, Node], Ref | tuple[Ref, ...]]
Apply = Callable[[Context, Any, Ref], Ref]

APPLY: dict[type[Op], Apply] = {}
"""Functions of one operand by op: also what a fused `activation` becomes."""


def emits(*ops: type[Op]) -> Callable[[Make], Make]:
    """Decorator: this function of a node makes the results of these ops."""

    def register(make: Make) -> Make:
        @EMIT(*ops)
        def emit(e: Context, node: Node) -> None:
            made = make(e, node)
            e.bind(node, *((made,) if isinstance(made, Ref) else made))

        return make

    return register


def applies(*ops: type[Op]) -> Callable[[Apply], Apply]:
    """Decorator: this function of an op and its only operand makes the result of these ops."""

    def register(apply: Apply) -> Apply:
        APPLY.update(dict.fromkeys(ops, apply))
        emits(*ops)(lambda e, node: apply(e, node.op, e.ref(node.inputs[0])))
        return apply

    return register
