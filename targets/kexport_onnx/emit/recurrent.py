"""Recurrent layers, time first: ONNX's own LSTM, GRU and RNN.

Weights are [directions, gates, inputs] there, with gates in another order, and both biases are one vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from kexport import ops
from kexport.ir.graph import Node, Value
from kexport.ir.op import Array
from kexport_onnx.context import Context
from kexport_onnx.emit.table import EMIT
from kexport_onnx.refs import Ref
from kexport_onnx.rules.recurrent import NATIVE_ACTIVATIONS, is_zero
from kexport_shared.emit.families import Recurrent
from kexport_shared.emit.recurrent import plain_operands


class _Form(NamedTuple):
    """How an op is said: its name, states, gates in ONNX's order, default activations."""

    kind: str
    states: int
    order: tuple[int, ...]
    activations: tuple[str, ...]


_FORMS: dict[type[Recurrent], _Form] = {
    ops.SimpleRnn: _Form("RNN", 1, (0,), ("Tanh",)),
    ops.Gru: _Form("GRU", 1, (0, 1, 2), ("Sigmoid", "Tanh")),
    ops.Lstm: _Form("LSTM", 2, (0, 3, 1, 2), ("Sigmoid", "Tanh", "Tanh")),
}


_IN_PLACE = (0, 1, 2, 3)


@EMIT.emits(*_FORMS)
def recurrent(e: Context, op: Recurrent, node: Node) -> tuple[Ref, ...]:
    """Results come with an axis for the directions. Those that nobody reads are not asked for."""
    form = _FORMS[type(op)]
    x, *rest = node.inputs
    lengths = e.ref(rest.pop()) if len(node.inputs) > plain_operands(op) else None
    state = rest[: form.states]
    (w, r, *biases) = rest[form.states :]
    made = e.op_all(
        form.kind,
        e.ref(x),
        _kernel(e, w, form.order),
        _kernel(e, r, form.order),
        _bias(e, biases, form.order),
        lengths,
        *(_initial(e, s) for s in state),
        dtypes=(None,) * len(node.outputs),
        wanted=_wanted(node),
        hidden_size=state[0].type.shape[1],
        direction="reverse" if op.reverse else None,
        linear_before_reset=1 if isinstance(op, ops.Gru) and op.reset_after else None,
        **_activations(op, form),
    )
    axes = [1] + [0] * form.states
    return tuple(e.op("Squeeze", m, e.ints([a])) if m.name else m for m, a in zip(made, axes, strict=True))


def _wanted(node: Node) -> list[bool]:
    assert node.graph is not None
    return [node.graph.is_used(v) for v in node.outputs]


def _kernel(e: Context, w: Value, order: Sequence[int]) -> Ref:
    """[inputs, gates] as [1, gates, inputs]."""
    inputs, gates = w.type.shape
    if w.data is None:
        return e.op("Unsqueeze", e.op("Transpose", _reordered(e, e.ref(w), order), perm=[1, 0]), e.ints([0]))
    if tuple(order) == _IN_PLACE[: len(order)]:
        return e.weight(w, (1, 0), (1, int(gates), int(inputs)))  # type: ignore[arg-type]
    return e.made_of(w, f"gates {order}", lambda data: _in_order(data, order).T[None])


def _bias(e: Context, biases: Sequence[Value], order: Sequence[int]) -> Ref | None:
    """Of the input and of the recurrence in one vector [1, both]; None where they are zero."""
    if all(is_zero(b) for b in biases):
        return None
    dtype = biases[0].type.dtype
    size = biases[0].type.shape[0]
    data = [b.data for b in biases if b.data is not None]
    if len(data) == len(biases):
        both = [_in_order(d, order) for d in data] + [np.zeros_like(data[0])] * (2 - len(data))
        return e.const(np.concatenate(both)[None], dtype, biases[0].name or "bias")
    parts = [_reordered(e, e.ref(b), order) for b in biases]
    parts += [e.const(np.zeros(size), dtype)] * (2 - len(parts))  # type: ignore[arg-type]
    return e.op("Unsqueeze", e.op("Concat", *parts, axis=0), e.ints([0]))


def _in_order(data: Array, order: Sequence[int]) -> Array:
    """The gates, runs along the last axis, in another order."""
    return data.reshape(*data.shape[:-1], len(order), -1)[..., list(order), :].reshape(data.shape)


def _reordered(e: Context, x: Ref, order: Sequence[int]) -> Ref:
    """The same for a weight that is computed."""
    if tuple(order) == _IN_PLACE[: len(order)]:
        return x
    gates = e.op_all("Split", x, dtypes=(None,) * len(order), axis=-1, num_outputs=len(order))
    return e.op("Concat", *(gates[k] for k in order), axis=-1)


def _initial(e: Context, state: Value) -> Ref | None:
    """With an axis for the directions; None, the default, for zeros."""
    return None if is_zero(state) else e.op("Unsqueeze", e.ref(state), e.ints([0]))


def _activations(op: Recurrent, form: _Form) -> dict[str, Any]:
    """One for each use; alpha and beta of those that have them, in the same order."""
    gates = [] if isinstance(op, ops.SimpleRnn) else [op.recurrent_activation]
    used = [NATIVE_ACTIVATIONS[n] for n in [*gates, *[op.activation] * (len(form.activations) - len(gates))]]
    if tuple(name for name, _ in used) == form.activations:
        return {}
    alpha, beta = ([n[k] for _, n in used if len(n) > k] or None for k in (0, 1))
    return {"activations": [name for name, _ in used], "activation_alpha": alpha, "activation_beta": beta}
