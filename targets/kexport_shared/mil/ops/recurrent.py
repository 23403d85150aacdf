"""Recurrent layers over x [time, batch, input].

A reversed layer returns its steps in the order it made them; of a bidirectional one, the backward half is put back
beside the steps it belongs to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from kexport.errors import VerifyError
from kexport_shared.mil.ops.activation import sigmoid

Array = np.ndarray
Function = Callable[[Array], Array]
# the parametric functions stand with their default constants, which make scaled_tanh plain
ACTIVATIONS: dict[str, Function] = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "sigmoid_hard": lambda x: np.clip(0.2 * x + 0.5, 0, 1),
    "hard_sigmoid": lambda x: np.clip(0.2 * x + 0.5, 0, 1),
    "scaled_tanh": np.tanh,
}


def _activation(name: str) -> Function:
    if name not in ACTIVATIONS:
        raise VerifyError(f"a recurrent layer has no activation {name}")
    return ACTIVATIONS[name]


def _steps(x: Array, direction: str) -> Array:
    if direction not in ("forward", "reverse"):
        raise VerifyError(f"there is no direction {direction}")
    return x[::-1] if direction == "reverse" else x


def _sequence(states: list[Array], whole: Array | bool) -> Array:
    return np.stack(states if whole else states[-1:])


def rnn(
    x: Array,
    initial_h: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias: Array | None = None,
    direction: str = "forward",
    output_sequence: Array | bool = False,
    activation: str = "tanh",
) -> tuple[Array, Array]:
    """h = activation(W x + R h + b)."""
    act = _activation(activation)
    h = initial_h
    states = []
    for step in _steps(x, direction):
        h = act(step @ weight_ih.T + h @ weight_hh.T + (0 if bias is None else bias))
        states.append(h)
    return _sequence(states, output_sequence), h


def gru(
    x: Array,
    initial_h: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias: Array | None = None,
    direction: str = "forward",
    output_sequence: Array | bool = False,
    recurrent_activation: str = "sigmoid",
    activation: str = "tanh",
    reset_after: Array | bool = False,
    input_bias: Array | None = None,
) -> tuple[Array, Array]:
    """Gates in the order reset, output, update; the reset gate acts before the product with h unless `reset_after`."""
    gate = _activation(recurrent_activation)
    act = _activation(activation)
    size = initial_h.shape[1]
    wr, wo, wz = np.split(weight_ih, 3)
    rr, ro, rz = np.split(weight_hh, 3)
    zeros = np.zeros(3 * size, x.dtype)
    br, bo, bz = np.split(zeros if bias is None else bias, 3)
    ir, io, iz = np.split(zeros if input_bias is None else input_bias, 3)
    h = initial_h
    states = []
    for step in _steps(x, direction):
        reset = gate(step @ wr.T + ir + h @ rr.T + br)
        update = gate(step @ wz.T + iz + h @ rz.T + bz)
        inner = reset * (h @ ro.T + bo) if reset_after else (reset * h) @ ro.T + bo
        h = (1 - update) * act(step @ wo.T + io + inner) + update * h
        states.append(h)
    return _sequence(states, output_sequence), h


class Cell(NamedTuple):
    """The weights and functions of one direction of an lstm."""

    weight_ih: Array
    weight_hh: Array
    bias: Array | None
    peephole: Array | None
    gate: Function
    cell: Function
    out: Function
    clip: float | None

    def run(self, steps: Array, h: Array, c: Array) -> tuple[list[Array], Array, Array]:
        """All hidden states, the last one and the last memory; gates in the order input, forget, output, cell."""
        states = []
        zero = np.zeros(h.shape[1], h.dtype)
        pi, pf, po = (zero,) * 3 if self.peephole is None else np.split(self.peephole, 3)
        for step in steps:
            total = step @ self.weight_ih.T + h @ self.weight_hh.T + (0 if self.bias is None else self.bias)
            i, f, o, z = np.split(total, 4, axis=-1)
            kept = self.gate(f + pf * c) * c
            c = self._clipped(kept + self.gate(i + pi * c) * self.cell(z))
            h = self.gate(o + po * c) * self.out(c)
            states.append(h)
        return states, h, c

    def _clipped(self, c: Array) -> Array:
        return c if self.clip is None else np.clip(c, -self.clip, self.clip)


def lstm(
    x: Array,
    initial_h: Array,
    initial_c: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias: Array | None = None,
    peephole: Array | None = None,
    weight_ih_back: Array | None = None,
    weight_hh_back: Array | None = None,
    bias_back: Array | None = None,
    peephole_back: Array | None = None,
    direction: str = "forward",
    output_sequence: Array | bool = False,
    recurrent_activation: str = "sigmoid",
    cell_activation: str = "tanh",
    activation: str = "tanh",
    clip: Array | None = None,
) -> tuple[Array, Array, Array]:
    """A long short-term memory in one direction or both."""
    functions = (_activation(recurrent_activation), _activation(cell_activation), _activation(activation))
    bound = None if clip is None else float(clip)
    ahead = Cell(weight_ih, weight_hh, bias, peephole, *functions, bound)
    if direction != "bidirectional":
        states, h, c = ahead.run(_steps(x, direction), initial_h, initial_c)
        return _sequence(states, output_sequence), h, c
    if weight_ih_back is None or weight_hh_back is None:
        raise VerifyError("a bidirectional lstm needs weights for both directions")
    back = Cell(weight_ih_back, weight_hh_back, bias_back, peephole_back, *functions, bound)
    hf, hb = np.split(initial_h, 2, axis=1)
    cf, cb = np.split(initial_c, 2, axis=1)
    forth, hf, cf = ahead.run(x, hf, cf)
    behind, hb, cb = back.run(x[::-1], hb, cb)
    pairs = zip(forth, behind[::-1], strict=True) if output_sequence else [(hf, hb)]
    both = np.stack([np.concatenate(pair, axis=-1) for pair in pairs])
    return both, np.concatenate((hf, hb), axis=-1), np.concatenate((cf, cb), axis=-1)


OPERATIONS: dict[str, Callable[..., Any]] = {"rnn": rnn, "gru": gru, "lstm": lstm}
