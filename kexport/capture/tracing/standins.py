"""Stand-ins: one op in the place of a loop or a call while a model is traced; no list of tensors is ever made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from tensorflow.core.framework.attr_value_pb2 import AttrValue

STAND_IN = "PyFuncStateless"
"""The TensorFlow op that stands for a loop or a call. Its token is the key of `Recorder.stand_ins`; it is never run."""


@dataclass(frozen=True)
class Reading:
    """How a loop reads its sequence and what it returns, as in Keras' `backend.rnn`.

    `reverse`: the last step is taken first. `zero_masked`: the output of a masked step is zeros, not that of the step
    before. `whole`: all outputs are wanted, not the last alone. `as_made`: in the order they were made, else in that
    of the sequence.
    """

    reverse: bool = False
    masked: bool = False
    zero_masked: bool = False
    whole: bool = True
    axis: int = 1
    as_made: bool = True


@dataclass(frozen=True)
class CellLoop:
    """A loop over one of Keras' own cells.

    Operands: the sequence, the states, kernel, recurrent kernel, the bias if `biased`, the mask if there is one.
    """

    cell: str
    reading: Reading
    states: int
    biased: bool
    activation: str | None
    recurrent_activation: str | None = None
    reset_after: bool = False


@dataclass(eq=False)
class StepLoop:
    """A loop over any step, which was traced once as a graph of its own.

    Operands: the states, the sequences, the mask if there is one, and what the step reads beyond: `captured` are the
    tensors of `graph` that stand for those. Results: the last outputs, all outputs, the last states.
    """

    graph: Any
    reading: Reading
    states: list[Any]
    slices: list[Any]
    outputs: list[Any]
    new_states: list[Any]
    captured: list[Any]


@dataclass(frozen=True)
class Whole:
    """Any other call that gives one tensor: `lower(ctx)` is its value. Operands: the tensors that it is called with."""

    lower: Callable[..., Any]


def place_stand_in(recorder: Any, loop: Any, operands: Sequence[Any], specs: Sequence[Any]) -> list[Any]:
    """An op for a loop or a call in the graph being traced; its results have the given specs."""
    token = f"loop {len(recorder.stand_ins)}"
    recorder.stand_ins[token] = loop
    types = [tf.as_dtype(s.dtype) for s in specs]
    tensors = [x if isinstance(x, tf.Tensor) else tf.convert_to_tensor(x) for x in operands]
    attributes = {
        "token": AttrValue(s=token.encode()),
        "Tin": _types(t.dtype for t in tensors),
        "Tout": _types(types),
    }
    op = tf.compat.v1.get_default_graph()._create_op_internal(STAND_IN, tensors, types, attrs=attributes)
    for tensor, spec in zip(op.outputs, specs, strict=True):
        tensor.set_shape(spec.shape)
    return list(op.outputs)


def _types(types: Iterable[tf.DType]) -> Any:
    return AttrValue(list=AttrValue.ListValue(type=[t.as_datatype_enum for t in types]))
