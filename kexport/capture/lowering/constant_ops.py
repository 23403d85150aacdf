"""Evaluates a TensorFlow op without a lowering if its operands are all known."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import tensorflow as tf

from kexport.capture.not_lowered import NotLowered
from kexport.capture.weights import as_text
from kexport.ir.op import Array

MAX_ELEMENTS = 1 << 30
"""The most elements of one known tensor: a few bytes of a file can ask for more than any memory holds."""


def require_size(op: Any) -> None:
    """Check that the results of an op on known operands are not too large.

    Raises:
        NotLowered: one has too many elements.
    """
    for tensor in op.outputs:
        sizes = tensor.shape.as_list() if tensor.shape.rank is not None else []
        count = prod(d for d in sizes if d is not None)
        if count > MAX_ELEMENTS:
            raise NotLowered(f"its result has {count} elements, more than any format holds")


def evaluate_op(op: Any, operands: Sequence[Any]) -> list[Array]:
    """Compute the results of an op on arrays by TensorFlow on the CPU.

    Raises:
        NotLowered: TensorFlow cannot compute it.
    """
    function = getattr(tf.raw_ops, op.type, None)
    if function is None:
        raise NotLowered("it is not a TensorFlow op that can be called by itself")
    try:
        with tf.init_scope(), tf.device("/CPU:0"):
            results = function(**named_operands(op, operands), **own_attributes(op, function))
    except (tf.errors.OpError, TypeError, ValueError) as e:
        raise NotLowered(f"TensorFlow cannot compute it: {e}") from e
    tensors = results if isinstance(results, (tuple, list)) else [results]
    return [as_text(t) for t in tf.nest.flatten(list(tensors))]


def named_operands(op: Any, arrays: Sequence[Any]) -> dict[str, Any]:
    """Name the operands of an op as `tf.raw_ops` does."""
    left = list(arrays)
    named: dict[str, Any] = {}
    for arg in op.op_def.input_arg:
        if arg.number_attr or arg.type_list_attr:
            value = op.get_attr(arg.number_attr or arg.type_list_attr)
            count = value if arg.number_attr else len(value)
            named[arg.name] = [left.pop(0) for _ in range(count)]
        else:
            named[arg.name] = left.pop(0)
    return named


def own_attributes(op: Any, function: Any) -> dict[str, Any]:
    """Return the attributes of an op that its operands do not tell."""
    inferred = {a.type_attr or a.type_list_attr for a in op.op_def.input_arg}
    inferred |= {a.number_attr for a in op.op_def.input_arg}
    wanted = (a for a in op.op_def.attr if a.name not in inferred)
    return {a.name: op.get_attr(a.name) for a in wanted}
