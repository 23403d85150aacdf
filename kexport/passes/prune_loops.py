"""Removes from loops what need not be in them: unread results, idle state, and products independent of state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kexport import ops
from kexport.ir.graph import Graph, Node, Value
from kexport.rewrite import Rewriter, RulePass, rule


@rule(ops.Scan)
def unread_results(op: ops.Scan, node: Node, rewriter: Rewriter) -> tuple[Value, ...] | None:
    """Drop results and states of a scan that nothing reads."""
    state, slices, others = op.parts(op.body.inputs)
    read = [rewriter.graph.is_used(v) for v in node.outputs]
    kept = _live_state(op.body, state, read)
    kept += [k for k in range(op.carried, len(read)) if read[k]]
    body = _restricted(op.body, kept)
    used = [v for v in (*slices, *others) if body.is_used(_twin(op.body, body, v))]
    if not any(v in used for v in slices):
        used = [slices[0], *used]
    inputs = [*(state[k] for k in kept if k < op.carried), *used]
    if len(kept) == len(read) and len(inputs) == len(op.body.inputs):
        return None
    _keep_inputs(op.body, body, inputs)
    operands = [node.inputs[k] for k in _places(op.body, inputs)]
    carried = sum(k < op.carried for k in kept)
    sequences = sum(v in slices for v in inputs)
    made = rewriter.add_all(ops.Scan(body, carried, sequences, op.axis, op.reverse), *operands)
    return _aligned(node, kept, made)


@rule(ops.While)
def idle_state(op: ops.While, node: Node, rewriter: Rewriter) -> tuple[Value, ...] | None:
    """Drop state of a while that neither its condition nor a reader needs."""
    read = [rewriter.graph.is_used(v) or op.cond.is_used(i) for v, i in zip(node.outputs, op.cond.inputs, strict=True)]
    kept = _live_state(op.body, op.body.inputs, read)
    if len(kept) == len(read):
        return None
    body = _restricted(op.body, kept)
    cond = op.cond.copy()
    _keep_inputs(op.body, body, [op.body.inputs[k] for k in kept])
    _keep_inputs(op.cond, cond, [op.cond.inputs[k] for k in kept])
    return _aligned(node, kept, rewriter.add_all(ops.While(cond, body), *(node.inputs[k] for k in kept)))


@rule(ops.Scan)
def hoisted_product(op: ops.Scan, node: Node, rewriter: Rewriter) -> tuple[Value, ...] | None:
    """Move a dense layer on a slice out of the loop, to the whole sequence."""
    _, slices, _ = op.parts(op.body.inputs)
    for inner in op.body.nodes:
        if not isinstance(inner.op, ops.Dense) or inner.inputs[0] not in slices:
            continue
        if not all(v.is_constant for v in inner.inputs[1:]):
            continue
        (at,) = _places(op.body, inner.inputs[:1])
        sequence = node.inputs[at]
        if op.axis == sequence.type.rank - 1:
            continue
        weights = [rewriter.constant(v.data, v.name) for v in inner.inputs[1:]]
        product = rewriter.add(inner.op, sequence, *weights, origin=inner.origin)
        return _with_sequence(node, rewriter, inner, product)
    return None


def _with_sequence(node: Node, rewriter: Rewriter, inner: Node, sequence: Value) -> tuple[Value, ...]:
    """The scan with one more sequence, whose slice is the result of a node of its body."""
    op: Any = node.op
    at = op.carried + op.sequences
    body = op.body.copy()
    copied = next(c for c, o in zip(body.nodes, op.body.nodes, strict=True) if o is inner)
    step = body.input("hoisted", copied.output.type)
    body.inputs.insert(at, body.inputs.pop())
    body.replace(copied.output, step)
    body.erase(copied)
    operands = [*node.inputs[:at], sequence, *node.inputs[at:]]
    return rewriter.add_all(ops.Scan(body, op.carried, op.sequences + 1, op.axis, op.reverse), *operands)


def _live_state(body: Graph, state: Sequence[Value], read: Sequence[bool]) -> list[int]:
    """Return the numbers of the states that are read, directly or through other states."""
    reaches = [_sources(body, o.value) for o in body.outputs]
    live = {k for k, r in enumerate(read) if r}
    while True:
        needed = {v for k in live for v in reaches[k]}
        more = live | {k for k, v in enumerate(state) if v in needed}
        if more == live:
            return sorted(k for k in live if k < len(state))
        live = more


def _sources(body: Graph, value: Value) -> set[Value]:
    """The inputs of a body that a value depends on."""
    found: set[Value] = set()
    work = [value]
    while work:
        v = work.pop()
        if v in found:
            continue
        found.add(v)
        work += v.producer.inputs if v.producer else ()
    return found & set(body.inputs)


def _restricted(body: Graph, kept: Sequence[int]) -> Graph:
    """Copy a body with only these results and what they need."""
    copy = body.copy()
    copy.keep_outputs([body.outputs[k].name for k in kept])
    for node in copy.reversed_nodes:
        if not any(copy.is_used(v) for v in node.outputs):
            copy.erase(node)
    return copy


def _places(body: Graph, inputs: Sequence[Value]) -> list[int]:
    return [body.inputs.index(v) for v in inputs]


def _twin(body: Graph, copy: Graph, value: Value) -> Value:
    return copy.inputs[body.inputs.index(value)]


def _keep_inputs(body: Graph, copy: Graph, kept: Sequence[Value]) -> None:
    copy.inputs = [_twin(body, copy, v) for v in kept]


def _aligned(node: Node, kept: Sequence[int], made: Sequence[Value]) -> tuple[Value, ...]:
    """For each result of `node` what takes its place; those that nobody reads stay as they are."""
    place = dict(zip(kept, made, strict=True))
    return tuple(place.get(k, v) for k, v in enumerate(node.outputs))


PASS = RulePass("prune_loops", (unread_results, idle_state, hoisted_product))
"""The pass."""
