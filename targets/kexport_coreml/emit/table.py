"""The table of emitters: its keys are the ops that this target supports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kexport.ir.graph import Node
from kexport.ir.op import Op
from kexport.ir.types import DType
from kexport.passes.text import TEXT
from kexport.target import NO_TEXT, EmitterTable
from kexport_coreml.context import Context
from kexport_coreml.dtypes import NARROW
from kexport_coreml.refs import Ref

EMIT = EmitterTable()
EMIT.unsupported(NO_TEXT, *TEXT)

Make = Callable[[Context, Node], Ref | tuple[Ref, ...]]
Apply = Callable[[Context, Any, Ref], Ref]

APPLY: dict[type[Op], Apply] = {}
"""Functions of one operand by op: also what a fused `activation` becomes."""


def emits(*ops: type[Op], wraps: bool = False) -> Callable[[Make], Make]:
    """Decorator: this function of a node makes the results of these ops.

    With `wraps` a result can leave the range of a narrow integer type, and is brought back into it.
    """

    def register(make: Make) -> Make:
        @EMIT(*ops)
        def emit(e: Context, node: Node) -> None:
            made = make(e, node)
            refs = (made,) if isinstance(made, Ref) else made
            if wraps:
                refs = tuple(wrap(e, r, v.type.dtype) for r, v in zip(refs, node.outputs, strict=True))
            e.bind(node, *refs)

        return make

    return register


def applies(*ops: type[Op], wraps: bool = False) -> Callable[[Apply], Apply]:
    """Decorator: this function of an op and its only operand makes the result of these ops."""

    def register(apply: Apply) -> Apply:
        APPLY.update(dict.fromkeys(ops, apply))
        emits(*ops, wraps=wraps)(lambda e, node: apply(e, node.op, e.ref(node.inputs[0])))
        return apply

    return register


def wrap(e: Context, x: Ref, dtype: DType) -> Ref:
    """int32 reduced to the bits of a narrow integer type: what does not fit comes round, as in numpy."""
    if dtype not in NARROW:
        return x
    span, shift = 1 << NARROW[dtype], 0 if dtype.value[0] == "u" else 1 << (NARROW[dtype] - 1)
    shifted = e.elementwise("add", x, e.const(shift, DType.I32)) if shift else x
    rest = e.elementwise("mod", shifted, e.const(span, DType.I32))
    return e.elementwise("sub", rest, e.const(shift, DType.I32)) if shift else rest
