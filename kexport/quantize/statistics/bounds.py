"""Tells between which numbers a value lies whatever the data, from the operation that makes it."""

from __future__ import annotations

import math

from kexport import ops
from kexport.ir.graph import Value
from kexport.ir.op import Op
from kexport.quantize.statistics.value import EVERYTHING

Bounds = tuple[float, float]
UNIT: Bounds = (0.0, 1.0)
_BOUNDS: dict[type[Op], Bounds] = {
    ops.Sigmoid: UNIT, ops.HardSigmoid: UNIT, ops.Softmax: UNIT, ops.Tanh: (-1.0, 1.0), ops.Softsign: (-1.0, 1.0),
    ops.Sin: (-1.0, 1.0), ops.Cos: (-1.0, 1.0), ops.Erf: (-1.0, 1.0), ops.Relu6: (0.0, 6.0),
    ops.Relu: (0.0, math.inf), ops.Exp: (0.0, math.inf), ops.Abs: (0.0, math.inf), ops.Square: (0.0, math.inf),
    ops.Sqrt: (0.0, math.inf), ops.Softplus: (0.0, math.inf), ops.LogSoftmax: (-math.inf, 0.0),
}  # fmt: skip
FIXED = (ops.Softmax, ops.Sigmoid, ops.Tanh)
"""What integer engines give a range of their own."""
_PASSING = (ops.Reshape, ops.Transpose, ops.Slice, ops.Split, ops.Reverse, ops.Tile, ops.BroadcastTo, ops.MaxPool,
            ops.AvgPool, ops.ReduceMean, ops.ReduceMax, ops.ReduceMin, ops.DepthToSpace, ops.SpaceToDepth)  # fmt: skip
"""What gives numbers within the bounds of its first operand."""


def bounds_of(value: Value) -> Bounds:
    """The numbers that a value and 0 lie between, as far as the graph says; infinite where it does not."""
    node = value.producer
    while node is not None and isinstance(node.op, _PASSING):
        node = node.inputs[0].producer
    low, high = EVERYTHING if node is None else _of(node.op)
    return min(low, 0.0), max(high, 0.0)


def is_fixed(value: Value) -> bool:
    """Whether a value has its bounds as its range in every integer engine."""
    node = value.producer
    return node is not None and isinstance(_last(node.op) or node.op, FIXED)


def _of(op: Op) -> Bounds:
    op = _last(op) or op
    if isinstance(op, ops.Clip):
        return (-math.inf if op.low is None else op.low), (math.inf if op.high is None else op.high)
    return _BOUNDS.get(type(op), EVERYTHING)


def _last(op: Op) -> Op | None:
    """The activation that an op ends with, if it has one."""
    name = op.attributes().get("activation")
    return ops.ACTIVATIONS.get(name) if isinstance(name, str) else None
