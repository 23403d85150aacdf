"""TensorFlow 1's conditionals: a Switch sends a tensor one way or the other, and a Merge takes the one that comes.

They are lowered if the choice is known, as with a training phase that is not fed. Both branches then carry the
tensor, and nothing reads the results of the dead one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kexport.capture.lowering.context import Context, scalar
from kexport.capture.lowering.table import Table
from kexport.capture.not_lowered import NotLowered
from kexport.ir.graph import Value
from kexport.ir.types import DType, TensorType

UNKNOWN = (
    "its condition depends on the inputs, in the control flow of TensorFlow 1; save the model with control flow of "
    "TensorFlow 2 (tf.compat.v1.enable_control_flow_v2())"
)
table = Table()
PASSED_ON = ("Identity", "PlaceholderWithDefault", "StopGradient", "Switch", "RefSwitch")


@table.op("Switch", "RefSwitch")
def switch(ctx: Context, op: Any, data: Value, choice: Value) -> tuple[Value, Value]:
    """Pass the tensor to both branches."""
    if scalar(choice) is None:
        raise NotLowered(UNKNOWN)
    return data, data


@table.op("Merge", "RefMerge")
def merge(ctx: Context, op: Any, *values: Value) -> tuple[Value, Value]:
    """Return the tensor of the live branch, and its number."""
    live = [i for i, tensor in enumerate(op.inputs) if _is_live(tensor, {})]
    if len(live) != 1:
        raise NotLowered(UNKNOWN)
    number = Value(TensorType(DType.I32, ()), "", np.asarray(live[0], "int32"))
    return values[live[0]], number


def _is_live(tensor: Any, known: dict[str, bool]) -> bool:
    """Return whether a tensor is on the live branch."""
    if tensor.name not in known:
        known[tensor.name] = True  # a loop, which has no end of its own
        known[tensor.name] = _find_out(tensor, known)
    return known[tensor.name]


def _find_out(tensor: Any, known: dict[str, bool]) -> bool:
    op = tensor.op
    if op.type in ("Merge", "RefMerge"):
        return any(_is_live(t, known) for t in op.inputs)
    if op.type in ("Switch", "RefSwitch") and _chosen(op.inputs[1]) != bool(tensor.value_index):
        return False
    return all(_is_live(t, known) for t in op.inputs) and all(_is_op_live(o, known) for o in op.control_inputs)


def _is_op_live(op: Any, known: dict[str, bool]) -> bool:
    return not op.outputs or _is_live(op.outputs[0], known)


def _chosen(choice: Any) -> bool | None:
    """Return the value of a condition, looking through identities; None if unknown."""
    import tensorflow as tf

    negated = False
    while choice.op.type in (*PASSED_ON, "LogicalNot"):
        negated ^= choice.op.type == "LogicalNot"
        choice = choice.op.inputs[0]
    value = tf.get_static_value(choice)
    return None if value is None else bool(value) ^ negated
