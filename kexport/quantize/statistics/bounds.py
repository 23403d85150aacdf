"""Tells between which numbers a value lies whatever the data, from the operation that makes it."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Value
from kexport.ir.traits import REALS, Keeps
from kexport.quantize.statistics.value import EVERYTHING

FIXED = (ops.Softmax, ops.Sigmoid, ops.Tanh)
"""What integer engines give a range of their own."""
_DEPTH = 16
"""How many operations are looked through that only hand numbers on."""


def bounds_of(value: Value, depth: int = _DEPTH) -> tuple[float, float]:
    """The numbers that a value and 0 lie between, as far as the graph says; infinite where it does not."""
    node = value.producer
    if node is None or not depth:
        return EVERYTHING
    facts = node.op.facts()
    found = [tuple(facts.range)]
    if facts.range == REALS and facts.keeps >= Keeps.RANGE:
        operands = node.inputs if facts.data is None else [node.inputs[i] for i in facts.data]
        found = [bounds_of(v, depth - 1) for v in operands]
    fill = facts.fill or 0.0
    return min(0.0, fill, *(low for low, _ in found)), max(0.0, fill, *(high for _, high in found))


def is_fixed(value: Value) -> bool:
    """Whether a value has its bounds as its range in every integer engine."""
    node = value.producer
    if node is None:
        return False
    activation = node.op.attributes().get("activation")
    last = ops.ACTIVATIONS.get(activation) if isinstance(activation, str) else None
    return isinstance(last or node.op, FIXED)
