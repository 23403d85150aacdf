"""Recurrent layers: x[B,T,I] is read step by step. A step whose mask is false changes no state.

Results come in the order of the input, also where `reverse` has the last step taken first. The output of a masked step
is that of the step taken before (zeros at first), or zeros if `zero_masked`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from kexport.ir.op import Array, Op
from kexport.ir.traits import Traits, Work
from kexport.ir.types import DType, TensorType
from kexport.ops import check
from kexport.ops.activation import GATE_ACTIVATIONS, apply_activation, check_activation
from kexport.ops.arrays import HALF
from kexport.ops.broadcast import same_dim, same_shape

Step = Callable[[Array, tuple[Array, ...]], tuple[Array, ...]]
"""The state after a step, its output first, from the input of the step and the state before."""


@dataclass(frozen=True)
class SimpleRnn(Op):
    """h = activation(x @ w + bias + h @ r).

    x[B,T,I], h[B,U], w[I,U], r[U,U], bias[U], mask bool[B,T] -> y[B,T,U], h.
    """

    traits = Traits(Work.ROUNDS_INSIDE, data=(0, 1, 2, 3, 4), weights=(2, 3))
    activation: str | None = "tanh"
    reverse: bool = False
    zero_masked: bool = False

    def infer(
        self,
        x: TensorType,
        h: TensorType,
        w: TensorType,
        r: TensorType,
        bias: TensorType,
        mask: TensorType | None = None,
    ) -> tuple[TensorType, TensorType]:
        check_activation(self.activation, GATE_ACTIVATIONS)
        return _sequence(x, h), _infer(x, (h,), w, r, {"bias": bias}, 1, mask)

    def evaluate(self, x: Array, h: Array, w: Array, r: Array, bias: Array, mask: Array | None = None) -> _Results:
        def run(x: Array, h: Array, w: Array, r: Array, bias: Array) -> list[Array]:
            def step(xt: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
                return (apply_activation(self.activation, xt @ w + bias + state[0] @ r),)

            return _steps(step, x, (h,), mask, self.reverse, self.zero_masked)

        return _computed(run, x, h, w, r, bias)


@dataclass(frozen=True)
class Gru(Op):
    """Gates z, r, h in this order (Cho et al. 2014): h = z * h + (1 - z) * candidate.

    x[B,T,I], h[B,U], w[I,3U], r[U,3U], bias[3U], recurrent_bias[3U], mask bool[B,T] -> y[B,T,U], h. The reset gate
    multiplies h @ r + recurrent_bias if `reset_after` (CuDNN), else h itself.
    """

    traits = Traits(Work.ROUNDS_INSIDE, data=(0, 1, 2, 3, 4, 5), weights=(2, 3))
    activation: str | None = "tanh"
    recurrent_activation: str | None = "sigmoid"
    reset_after: bool = True
    reverse: bool = False
    zero_masked: bool = False

    def infer(
        self,
        x: TensorType,
        h: TensorType,
        w: TensorType,
        r: TensorType,
        bias: TensorType,
        recurrent_bias: TensorType,
        mask: TensorType | None = None,
    ) -> tuple[TensorType, TensorType]:
        check_activation(self.activation, GATE_ACTIVATIONS)
        check_activation(self.recurrent_activation, GATE_ACTIVATIONS)
        biases = {"bias": bias, "recurrent_bias": recurrent_bias}
        return _sequence(x, h), _infer(x, (h,), w, r, biases, 3, mask)

    def evaluate(
        self, x: Array, h: Array, w: Array, r: Array, bias: Array, recurrent_bias: Array, mask: Array | None = None
    ) -> _Results:
        def run(x: Array, h: Array, w: Array, r: Array, bias: Array, recurrent_bias: Array) -> list[Array]:
            units = h.shape[-1]

            def step(xt: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
                old = state[0]
                xz, xr, xh = np.split(xt @ w + bias, 3, -1)
                hz, hr = np.split(old @ r[:, : 2 * units] + recurrent_bias[: 2 * units], 2, -1)
                z = apply_activation(self.recurrent_activation, xz + hz)
                reset = apply_activation(self.recurrent_activation, xr + hr)
                r_h = r[:, 2 * units :]
                b_h = recurrent_bias[2 * units :]
                hh = reset * (old @ r_h + b_h) if self.reset_after else (reset * old) @ r_h + b_h
                return (z * old + (1 - z) * apply_activation(self.activation, xh + hh),)

            return _steps(step, x, (h,), mask, self.reverse, self.zero_masked)

        return _computed(run, x, h, w, r, bias, recurrent_bias)


@dataclass(frozen=True)
class Lstm(Op):
    """Gates i, f, g, o in this order: c = f * c + i * g, h = o * activation(c) (Hochreiter & Schmidhuber 1997).

    x[B,T,I], h[B,U], c[B,U], w[I,4U], r[U,4U], bias[4U], mask bool[B,T] -> y[B,T,U], h, c.
    """

    traits = Traits(Work.ROUNDS_INSIDE, data=(0, 1, 2, 3, 4, 5), weights=(3, 4))
    activation: str | None = "tanh"
    recurrent_activation: str | None = "sigmoid"
    reverse: bool = False
    zero_masked: bool = False

    def infer(
        self,
        x: TensorType,
        h: TensorType,
        c: TensorType,
        w: TensorType,
        r: TensorType,
        bias: TensorType,
        mask: TensorType | None = None,
    ) -> tuple[TensorType, TensorType, TensorType]:
        check_activation(self.activation, GATE_ACTIVATIONS)
        check_activation(self.recurrent_activation, GATE_ACTIVATIONS)
        _infer(x, (h, c), w, r, {"bias": bias}, 4, mask)
        return _sequence(x, h), h, c

    def evaluate(
        self, x: Array, h: Array, c: Array, w: Array, r: Array, bias: Array, mask: Array | None = None
    ) -> _Results:
        def run(x: Array, h: Array, c: Array, w: Array, r: Array, bias: Array) -> list[Array]:
            def step(xt: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
                i, f, g, o = np.split(xt @ w + bias + state[0] @ r, 4, -1)
                i, f, o = (apply_activation(self.recurrent_activation, gate) for gate in (i, f, o))
                c = f * state[1] + i * apply_activation(self.activation, g)
                return o * apply_activation(self.activation, c), c

            return _steps(step, x, (h, c), mask, self.reverse, self.zero_masked)

        return _computed(run, x, h, c, w, r, bias)


_Results = tuple[Array, ...]


def _infer(
    x: TensorType,
    state: Sequence[TensorType],
    w: TensorType,
    r: TensorType,
    biases: dict[str, TensorType],
    gates: int,
    mask: TensorType | None,
) -> TensorType:
    """Check operands; the type of the state."""
    check.kind("floating-point", x)
    check.rank(x, 3, "x")
    check.same_dtype(x, *state, w, r, *biases.values())
    check.rank(state[0], 2, "the state")
    units = check.static(state[0].shape[1], "the number of units")
    for s in state:
        same_shape(s.shape, (x.shape[0], units), "the shapes of the state and of the batch by units")
    same_shape(w.shape, (x.shape[2], gates * units), "the shapes of w and of inputs by gates")
    same_shape(r.shape, (units, gates * units), "the shapes of r and of units by gates")
    for name, bias in biases.items():
        same_shape(bias.shape, (gates * units,), f"the shapes of {name} and of the gates")
    if mask is not None:
        if mask.dtype is not DType.BOOL:
            check.kind("boolean", mask)
        check.rank(mask, 2, "mask")
        same_dim(mask.shape[0], x.shape[0], "the batch sizes of mask and x")
        same_dim(mask.shape[1], x.shape[1], "the lengths of mask and x")
    return state[0]


def _sequence(x: TensorType, h: TensorType) -> TensorType:
    return x.with_shape((*x.shape[:2], *h.shape[1:]))


def _steps(
    step: Step, x: Array, state: tuple[Array, ...], mask: Array | None, reverse: bool, zero_masked: bool
) -> list[Array]:
    outputs = np.zeros((*x.shape[:2], state[0].shape[1]), x.dtype)
    last = np.zeros_like(state[0])
    order = range(x.shape[1])
    for t in reversed(order) if reverse else order:
        new = step(x[:, t], state)
        if mask is None:
            state = new
            last = new[0]
        else:
            live = mask[:, t, None]
            last = np.where(live, new[0], 0 if zero_masked else last)
            state = tuple(np.where(live, n, s) for n, s in zip(new, state, strict=True))
        outputs[:, t] = last
    return [outputs, *state]


def _computed(run: Callable[..., list[Array]], *operands: Array) -> _Results:
    """Half precision is computed in float32 and rounded once."""
    half = next((x.dtype for x in operands if x.dtype in HALF), None)
    wide = [x.astype(np.float32) for x in operands] if half is not None else operands
    with np.errstate(all="ignore"):
        results = run(*wide)
    return tuple(r.astype(half) if half is not None else r for r in results)
