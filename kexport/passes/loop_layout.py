"""Keeps states, sequences and results of scans channels first if their steps want that, and transposes outside.

A state that a body transposes back and forth in every step is transposed once, before the first step. This is for
targets that compute channels first; the transposes left on both sides of an op in the body cancel by sinking.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kexport import ops
from kexport.ir.graph import Node, Value
from kexport.passes.channels_first import to_first, to_last
from kexport.passes.sink_transposes import Perm
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.body import Body, inline
from kexport.rewrite.rule import Replacement


@rule(ops.Scan)
def hold_channels_first(op: ops.Scan, node: Node, rewriter: Rewriter) -> Replacement:
    """States of the type of one that is transposed, slices that are, stacked results that were just before."""
    old, slices, _ = op.parts(op.body.inputs)
    results = [o.value for o in op.body.outputs]
    types = {v.type for v in old if _turned(v)}
    states = [v.type in types for v in old]
    inputs = [*states, *map(_turned, slices)]
    outputs = [*states, *map(_turned_back, results[op.carried :])]
    if not any(inputs + outputs):
        return None
    inputs += [False] * (len(node.inputs) - len(inputs))
    scan = ops.Scan(_body(op, inputs, outputs, node.origin), op.carried, op.sequences, op.axis, op.reverse)
    operands = [
        _moved(rewriter, v, _axis(op, k, op.sequences), to_first) if turn else v
        for k, (v, turn) in enumerate(zip(node.inputs, inputs, strict=True))
    ]
    made = rewriter.add_all(scan, *operands)
    return tuple(
        _moved(rewriter, v, _axis(op, k, len(made)), to_last) if turn else v
        for k, (v, turn) in enumerate(zip(made, outputs, strict=True))
    )


def _turned(value: Value) -> bool:
    """Return whether the body transposes an input to channels first."""
    wanted = ops.Transpose(to_first(value.type.rank))
    return value.type.rank > 2 and any(u.op == wanted for u in value.users)


def _turned_back(value: Value) -> bool:
    """Return whether a result of a body was channels first before a transpose."""
    made = value.producer
    return value.type.rank > 2 and made is not None and made.op == ops.Transpose(to_last(value.type.rank))


def _body(op: Any, inputs: Sequence[bool], outputs: Sequence[bool], origin: str) -> Any:
    """The body with these inputs and results channels first; inside it all is as it was, between transposes."""
    body = Body(op.body.name, origin)
    operands: list[Value] = []
    for old, turn in zip(op.body.inputs, inputs, strict=True):
        rank = old.type.rank
        shape = tuple(old.type.shape[p] for p in to_first(rank)) if turn else old.type.shape
        operands.append(body.input(old.name, old.type.with_shape(shape)))
    operands = [
        body.add(ops.Transpose(to_last(v.type.rank)), v) if turn else v
        for v, turn in zip(operands, inputs, strict=True)
    ]
    results = inline(body, op.body, operands)
    turned = [
        body.add(ops.Transpose(to_first(v.type.rank)), v) if turn else v
        for v, turn in zip(results, outputs, strict=True)
    ]
    return body.finish({o.name: v for o, v in zip(op.body.outputs, turned, strict=True)})


def _axis(op: Any, index: int, count: int) -> int | None:
    """The axis of the steps of an operand or result; None for states."""
    return op.axis if op.carried <= index < op.carried + count else None


def _moved(rewriter: Rewriter, x: Value, axis: int | None, order: Callable[[int], Perm]) -> Value:
    """Transpose each step of x."""
    if axis is None:
        return rewriter.add(ops.Transpose(order(x.type.rank)), x)
    others = [a for a in range(x.type.rank) if a != axis]
    perm = [others[p] for p in order(len(others))]
    perm.insert(axis, axis)
    return rewriter.add(ops.Transpose(tuple(perm)), x)
