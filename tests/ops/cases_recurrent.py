"""Cases of recurrent layers: the expected results are those of Keras' own layers, run step by step."""

from __future__ import annotations

from typing import Any

import numpy as np

from kexport import ops
from tests.ops.case import BATCH, LENGTH, Case, Operand, booleans, normal, weight
from tests.ops.expected import keras, to_numpy

Array = np.ndarray[Any, Any]
INPUTS = 3
UNITS = 4
_X = normal(BATCH, LENGTH, INPUTS)
_STATE = normal(BATCH, UNITS)


def _weights(gates: int, biases: int = 1) -> tuple[Operand, ...]:
    return (weight(INPUTS, gates * UNITS), weight(UNITS, gates * UNITS), *[weight(gates * UNITS)] * biases)


def _layer(kind: str, states: int, op: Any, **options: Any) -> Any:
    """The results of a Keras layer, in the order of the input."""

    def expected(x: Array, *rest: Array) -> Any:
        state = rest[:states]
        weights = list(rest[states:])
        mask = weights.pop() if weights[-1].dtype == bool else None
        if len(weights) == 4:  # GRU: both biases are one array, or there is no second
            weights[2:] = [np.stack(weights[2:])] if op.reset_after else [weights[2]]
        layer = getattr(keras().layers, kind)(
            UNITS,
            activation=op.activation,
            return_sequences=True,
            return_state=True,
            go_backwards=op.reverse,
            zero_output_for_mask=op.zero_masked,
            dtype=str(x.dtype),
            **options,
        )
        layer.build(x.shape)
        layer.set_weights(weights)
        y, *last = layer(x, initial_state=list(state), mask=mask)
        y = to_numpy(y)
        return (y[:, ::-1] if op.reverse else y, *map(to_numpy, last))

    if kind != "SimpleRNN":
        options |= {"recurrent_activation": op.recurrent_activation, "use_cudnn": False}
    return expected


def _rnn(label: str = "", mask: bool = False, **attributes: Any) -> Case:
    op = ops.SimpleRnn(**attributes)
    operands = (_X, _STATE, *_weights(1), *[booleans(BATCH, LENGTH)] * mask)
    return Case(op, operands, _layer("SimpleRNN", 1, op), label)


def _gru(label: str = "", mask: bool = False, **attributes: Any) -> Case:
    op = ops.Gru(**attributes)
    biases = _weights(3, 2)
    if not op.reset_after:
        zero = Operand((3 * UNITS,), None, lambda rng, s: np.zeros(s), constant=True)
        biases = (*biases[:3], zero)
    operands = (_X, _STATE, *biases, *[booleans(BATCH, LENGTH)] * mask)
    return Case(op, operands, _layer("GRU", 1, op, reset_after=op.reset_after), label)


def _lstm(label: str = "", mask: bool = False, **attributes: Any) -> Case:
    op = ops.Lstm(**attributes)
    operands = (_X, _STATE, _STATE, *_weights(4), *[booleans(BATCH, LENGTH)] * mask)
    return Case(op, operands, _layer("LSTM", 2, op), label)


CASES = [
    make(label, mask, **attributes)
    for make in (_rnn, _gru, _lstm)
    for label, mask, attributes in (
        ("", False, {}),
        ("reverse", False, {"reverse": True}),
        ("relu", False, {"activation": "relu"}),
        ("linear", False, {"activation": None}),
        ("masked", True, {}),
        ("masked_reverse", True, {"reverse": True}),
        ("masked_zero", True, {"zero_masked": True}),
    )
] + [
    _gru("reset_before", reset_after=False),
    _gru("reset_before_masked", True, reset_after=False, reverse=True),
    _gru("hard", recurrent_activation="hard_sigmoid"),
    _lstm("hard", recurrent_activation="hard_sigmoid"),
    _lstm("softsign", activation="softsign"),
]
