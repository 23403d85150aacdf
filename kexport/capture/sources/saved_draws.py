"""Runs the graph of a SavedModel op by op, so that the random numbers it draws can be seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from kexport.capture.draws import draw_of, explained, is_draw
from kexport.capture.lowering.constant_ops import named_operands, own_attributes
from kexport.capture.tracing.run import trace_signature
from kexport.capture.tracing.trace import Source, Trace
from kexport.errors import VerifyError
from kexport.ir.op import Array

CALLS = ("PartitionedCall", "StatefulPartitionedCall")
"""Operations that call a function, whose own operations are run in their place."""
HINT = "export the Keras model, or make the numbers an input of the model"


def run_step_by_step(source: Source, tensors: Sequence[Any]) -> tuple[list[Any], dict[int, Array]]:
    """Return the outputs of a signature for its inputs, and the numbers that it drew, by the number of the draw.

    Raises:
        VerifyError: an operation cannot be run by itself.
    """
    trace = trace_signature(source)
    steps = _Steps(trace)
    given = {id(i.tensor): tf.cast(t, i.tensor.dtype) for i, t in zip(trace.inputs, tensors, strict=True)}
    given |= {id(inner): outer for outer, inner in trace.graph.captures}
    values = steps.run(trace.graph, given, [o.tensor for o in trace.outputs])
    return values, steps.draws


class _Steps:
    """The operations of a trace, run one after the other, with what they draw."""

    def __init__(self, trace: Trace):
        self.trace = trace
        self.draws: dict[int, Array] = {}

    def run(self, graph: Any, values: dict[int, Any], wanted: Sequence[Any]) -> list[Any]:
        """Return the values of some tensors of a graph. `values` holds those that are given, by identity."""
        needed = _before([t.op for t in wanted])
        for op in graph.get_operations():
            if op in needed and not all(id(t) in values for t in op.outputs):
                results = self._step(op, [values[id(t)] for t in op.inputs])
                values.update({id(t): r for t, r in zip(op.outputs, results, strict=True)})
        return [values[id(t)] for t in wanted]

    def _step(self, op: Any, given: Sequence[Any]) -> Sequence[Any]:
        if op.type in CALLS:
            inner = self.trace.function_graph(op)
            values = {id(t): v for t, v in zip(inner.inputs, given, strict=True)}
            return self.run(inner, values, inner.outputs)
        results = _computed(op, given)
        if is_draw(op):
            self.draws[draw_of(op)] = explained(op.type, [np.asarray(v) for v in given], np.asarray(results[0]))
        return results


def _before(ops: Sequence[Any]) -> set[Any]:
    """The operations that some are computed from, and these."""
    found: set[Any] = set()
    left = list(ops)
    while left:
        op = left.pop()
        if op not in found:
            found.add(op)
            left += [t.op for t in op.inputs]
    return found


def _computed(op: Any, given: Sequence[Any]) -> Sequence[Any]:
    if op.type == "Const":
        return [tf.constant(tf.make_ndarray(op.get_attr("value")), op.outputs[0].dtype)]
    try:
        try:
            function = getattr(tf.raw_ops, op.type)
            results = function(**named_operands(op, given), **own_attributes(op, function))
        except TypeError:  # the Python function has other names for its arguments
            results = _executed(op, given)
    except (tf.errors.OpError, TypeError, ValueError, AttributeError) as e:
        what = f"the model draws random numbers, and they cannot be seen, as {op.type} cannot be run alone"
        raise VerifyError(what, where=op.name, hint=HINT) from e
    return tf.nest.flatten([results])


def _executed(op: Any, given: Sequence[Any]) -> Any:
    from tensorflow.python.eager import context, execute

    attributes: list[Any] = []
    for name in op.node_def.attr:
        if not name.startswith("_"):
            value = op.get_attr(name)
            attributes += [name, value.as_datatype_enum if isinstance(value, tf.DType) else value]
    return execute.execute(op.type, len(op.outputs), list(given), tuple(attributes), context.context())
