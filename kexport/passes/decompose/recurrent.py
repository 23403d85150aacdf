"""Recurrent layers as a scan whose body has only what depends on the state: the input product is done for all steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kexport import ops
from kexport.ir.graph import Node, Value
from kexport.ir.types import TensorType
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.body import Body, Operands
from kexport.rewrite.term import Term

Cell = Callable[[Term, list[Term], list[Value]], list[Term]]
"""The new state, the output first, from the projected input, the old state and the recurrent weights."""


@rule(ops.SimpleRnn)
def simple_rnn(op: ops.SimpleRnn, node: Node, rewriter: Rewriter) -> tuple[Value, ...] | None:
    """h = activation(x @ w + bias + h @ r)."""
    x, h, w, r, bias, *mask = node.inputs

    def cell(x: Term, state: list[Term], weights: list[Value]) -> list[Term]:
        return [_activate(op.activation, x + _dense(state[0], *weights))]

    return _recurrent(node, rewriter, (x, w, bias), (h,), (r,), mask, cell)


@rule(ops.Gru)
def gru(op: ops.Gru, node: Node, rewriter: Rewriter) -> tuple[Value, ...] | None:
    """h = z * h + (1 - z) * candidate."""
    x, h, w, r, bias, recurrent_bias, *mask = node.inputs
    units = h.type.shape[-1]
    if op.reset_after:
        weights = [r, recurrent_bias]
    else:
        pieces = ops.Split(1, (2 * units, units)), ops.Split(0, (2 * units, units))
        r_zr, r_h = rewriter.add_all(pieces[0], r)
        b_zr, b_h = rewriter.add_all(pieces[1], recurrent_bias)
        weights = [r_zr, b_zr, r_h, b_h]

    def cell(x: Term, state: list[Term], weights: list[Value]) -> list[Term]:
        (old,) = state
        xz, xr, xh = _split(x, 3)
        if op.reset_after:
            hz, hr, hh = _split(_dense(old, *weights), 3)
        else:
            hz, hr = _split(_dense(old, *weights[:2]), 2)
        z, reset = (_activate(op.recurrent_activation, gate) for gate in (xz + hz, xr + hr))
        inner = reset * hh if op.reset_after else _dense(reset * old, *weights[2:])  # pyright: ignore[reportPossiblyUnboundVariable]
        candidate = _activate(op.activation, xh + inner)
        return [z * old + (1 - z) * candidate]

    return _recurrent(node, rewriter, (x, w, bias), (h,), weights, mask, cell)


@rule(ops.Lstm)
def lstm(op: ops.Lstm, node: Node, rewriter: Rewriter) -> tuple[Value, ...] | None:
    """c = f * c + i * g, h = o * activation(c)."""
    x, h, c, w, r, bias, *mask = node.inputs

    def cell(x: Term, state: list[Term], weights: list[Value]) -> list[Term]:
        i, f, g, o = _split(x + _dense(state[0], *weights), 4)
        i, f, o = (_activate(op.recurrent_activation, gate) for gate in (i, f, o))
        c = f * state[1] + i * _activate(op.activation, g)
        return [o * _activate(op.activation, c), c]

    return _recurrent(node, rewriter, (x, w, bias), (h, c), (r,), mask, cell)


def _recurrent(
    node: Node,
    rewriter: Rewriter,
    inputs: tuple[Value, Value, Value],
    state: Sequence[Value],
    weights: Sequence[Value],
    mask: Sequence[Value],
    cell: Cell,
) -> tuple[Value, ...]:
    """The sequence of outputs and the last state. A masked scan carries the last output beside the state."""
    op: Any = node.op
    projected = rewriter.add(ops.Dense(), *inputs)
    carried = [*state, Term(rewriter, state[0]).zeros().value] if mask and not op.zero_masked else list(state)
    body = Body("step", node.origin)
    old = [body.input(f"state_{i}", v.type) for i, v in enumerate(carried)]
    step = body.input("x", _slice(projected.type))
    live = [body.input("mask", _slice(m.type)) for m in mask]
    operands = Operands(body)
    brought = [operands.bring(f"weight_{i}", v) for i, v in enumerate(weights)]
    terms = [Term(body, v) for v in old]
    new = cell(Term(body, step), terms[: len(state)], brought)
    output = new[0]
    if live:
        flag = Term(body, live[0]).of(ops.Reshape((*live[0].type.shape, 1)))
        output = flag.select(new[0], terms[-1] if not op.zero_masked else terms[0].zeros())
        new = [flag.select(n, o) for n, o in zip(new, terms, strict=False)] + [output] * (not op.zero_masked)
    results = {f"state_{i}": t.value for i, t in enumerate(new)}
    scan = ops.Scan(body.finish(results | {"y": output.value}), len(carried), 1 + len(mask), axis=1, reverse=op.reverse)
    *last, y = rewriter.add_all(scan, *carried, projected, *mask, *operands.outer)
    return (y, *last[: len(state)])


def _slice(sequence: TensorType) -> TensorType:
    return sequence.with_shape((sequence.shape[0], *sequence.shape[2:]))


def _dense(x: Term, w: Value, *bias: Value) -> Term:
    return Term(x.rewriter, x.rewriter.add(ops.Dense(), x.value, w, *bias))


def _split(x: Term, parts: int) -> list[Term]:
    size = x.type.shape[-1] // parts
    values = x.rewriter.add_all(ops.Split(x.type.rank - 1, (size,) * parts), x.value)
    return [Term(x.rewriter, v) for v in values]


def _activate(name: str | None, x: Term) -> Term:
    return x if name is None else x.of(ops.GATE_ACTIVATIONS[name])


RULES = (simple_rnn, gru, lstm)
