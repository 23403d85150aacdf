"""Recurrent layers; legalize has put time first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kexport import ops
from kexport.ir.graph import Node
from kexport.ir.op import Array, Op
from kexport.ir.types import DType
from kexport_coreml.context import Context
from kexport_coreml.emit.table import EMIT
from kexport_coreml.refs import Ref
from kexport_coreml.rules.recurrent import HALF_SINCE, NAMES, WEIGHTS

_GATES: dict[type[Op], tuple[int, ...]] = {ops.SimpleRnn: (0,), ops.Lstm: (0, 1, 3, 2)}
"""Where each gate of Core ML stands in Keras: input, forget, output, cell of a lstm."""
_KINDS: dict[type[Op], str] = {ops.SimpleRnn: "rnn", ops.Lstm: "lstm"}


@EMIT(ops.SimpleRnn, ops.Lstm)
def recurrent(e: Context, op: ops.SimpleRnn | ops.Lstm, node: Node) -> None:
    """Reverse the outputs of a reversed layer: Core ML returns them in the order of computation."""
    y, *state = node.outputs
    whole = node.graph is not None and node.graph.is_used(y)
    shape = y.type.shape if whole else (1, *y.type.shape[1:])
    dtype = e.computed(y.type.dtype)
    wide = DType.F32 if e.ios < HALF_SINCE else dtype
    given: dict[str, Any] = {**_sequence(e, node, op, wide), **_weights(e, node, op, wide), **_functions(op)}
    results = [(wide, shape), *((wide, s.type.shape) for s in state)]
    direction = "reverse" if op.reverse else "forward"
    made, *last = e.op_all(_KINDS[type(op)], results, **given, output_sequence=whole, direction=direction)
    for value, ref in zip(state, last, strict=True):
        e.declare(value, e.cast(ref, dtype))
    if whole:
        made = e.cast(made, dtype)
        e.declare(y, e.op("reverse", x=made, axes=[0]) if op.reverse else made)


def _sequence(e: Context, node: Node, op: ops.SimpleRnn | ops.Lstm, dtype: DType) -> dict[str, Ref]:
    given = node.inputs[: WEIGHTS[type(op)].start]
    return {name: e.cast(e.ref(v), dtype) for name, v in zip(("x", "initial_h", "initial_c"), given, strict=False)}


def _weights(e: Context, node: Node, op: ops.SimpleRnn | ops.Lstm, dtype: DType) -> dict[str, Ref]:
    """Transposed, with Core ML's order of gates."""
    arrays = (v.data for v in node.inputs[WEIGHTS[type(op)]] if v.data is not None)
    given = dict(zip(("weight_ih", "weight_hh", "bias"), arrays, strict=True))
    return {name: e.weight(_ordered(e, data, _GATES[type(op)]), dtype=dtype) for name, data in given.items()}


def _ordered(e: Context, data: Array, gates: Sequence[int]) -> Array:
    if len(gates) == 1:
        return data.T
    return e.once(data, gates, lambda: np.concatenate([np.split(data, len(gates), -1)[g] for g in gates], -1).T)


def _functions(op: ops.SimpleRnn | ops.Lstm) -> dict[str, str]:
    name = NAMES[op.activation]
    if isinstance(op, ops.SimpleRnn):
        return {"activation": name}
    return {"activation": name, "cell_activation": name, "recurrent_activation": NAMES[op.recurrent_activation]}
