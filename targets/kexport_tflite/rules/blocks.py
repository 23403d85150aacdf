"""Long scans as a loop in a loop: WHILE copies all that it carries in every step, so a step must not carry much.

The inner loop writes the results of a few steps into a small block, the outer one puts whole blocks together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kexport import ops
from kexport.ir.dim import Dim
from kexport.ir.graph import Graph, Node, Value
from kexport.passes.decompose.control import count, moved
from kexport.rewrite import Rewriter
from kexport.rewrite.body import Body, inline
from kexport.rewrite.term import Term
from kexport_tflite.scatter import UpdateRow

STEPS = 32
"""Steps of a block."""


def scan_in_blocks(node: Node, rewriter: Rewriter) -> tuple[Value, ...]:
    """A while over blocks of steps, and one over the steps of a block; the last block may be shorter."""
    op: Any = node.op
    length = op.length(*(v.type for v in node.inputs))
    state, sequences, others = op.parts(node.inputs)
    sequences = [moved(rewriter, s, op.axis, 0) for s in sequences]
    blocks = (length + (STEPS - 1)) // STEPS
    rows = [o.value.type for o in op.body.outputs][op.carried :]
    stacks, parts = (
        [rewriter.add(ops.Full((*front, *t.shape), 0, t.dtype)) for t in rows] for front in ((blocks, STEPS), (STEPS,))
    )
    zero = rewriter.constant(np.int32(0))
    limits = [zero, zero, count(rewriter, length), count(rewriter, blocks)]
    operands = [*limits, *state, *stacks, *parts, *sequences, *others]
    loop = ops.While(_less("more_blocks", operands, (0, 2), node.origin), _outer(op, operands, node.origin))
    results = rewriter.add_all(loop, *operands)[len(limits) :]
    whole = [_joined(rewriter, s, length, op) for s in results[op.carried : op.carried + len(rows)]]
    return (*results[: op.carried], *whole)


def _less(name: str, operands: Sequence[Value], places: tuple[int, int], origin: str) -> Graph:
    body = Body(name, origin)
    inputs = [body.input(f"in_{k}", v.type) for k, v in enumerate(operands)]
    return body.finish({"more": body.add(ops.Less(), *(inputs[p] for p in places))})


def _outer(op: Any, operands: Sequence[Value], origin: str) -> Graph:
    """(first step, block, steps, blocks, state, stacks, parts, sequences, others) -> the same, a block later."""
    body = Body("block", origin)
    first, block, steps, blocks, *rest = [body.input(f"in_{k}", v.type) for k, v in enumerate(operands)]
    carried, stacked = op.carried, len(op.body.outputs) - op.carried
    state, stacks = rest[:carried], rest[carried : carried + stacked]
    parts, read = rest[carried + stacked :][:stacked], rest[carried + 2 * stacked :]
    following = Term(body, first) + STEPS
    stop = following.min(Term(body, steps)).value
    inner = [first, stop, first, steps, *state, *parts, *read]
    loop = ops.While(_less("more", inner, (0, 1), origin), _inner(op, inner, origin))
    results = body.add_all(loop, *inner)[4:]
    state, parts = results[:carried], results[carried : carried + stacked]
    at = Term(body, blocks) - 1 - Term(body, block) if op.reverse else Term(body, block)
    written = [_write(body, s, p, at) for s, p in zip(stacks, parts, strict=True)]
    after = [following.value, (Term(body, block) + 1).value, steps, blocks, *state, *written, *parts, *read]
    return body.finish({f"out_{k}": v for k, v in enumerate(after)})


def _inner(op: Any, operands: Sequence[Value], origin: str) -> Graph:
    """(step, stop, first step, steps, state, parts, sequences, others) -> the same, a step later."""
    body = Body("step", origin)
    inputs = [body.input(f"in_{k}", v.type) for k, v in enumerate(operands)]
    step, stop, first, steps, *rest = inputs
    carried, stacked = op.carried, len(op.body.outputs) - op.carried
    state, parts, read = rest[:carried], rest[carried : carried + stacked], rest[carried + stacked :]
    sequences, others = read[: op.sequences], read[op.sequences :]
    here = Term(body, step)
    at, place = here, here - Term(body, first)
    if op.reverse:
        at, place = Term(body, steps) - 1 - here, (STEPS - 1) - place
    results = inline(body, op.body, [*state, *(body.add(ops.Gather(0), s, at.value) for s in sequences), *others])
    written = [_write(body, p, r, place) for p, r in zip(parts, results[carried:], strict=True)]
    after = [(here + 1).value, stop, first, steps, *results[:carried], *written, *read]
    return body.finish({f"out_{k}": v for k, v in enumerate(after)})


def _write(body: Body, stack: Value, row: Value, at: Term) -> Value:
    return body.add(UpdateRow(), stack, body.add(ops.Reshape((1, *row.type.shape)), row), at.value)


def _joined(rewriter: Rewriter, stack: Value, length: Dim, op: Any) -> Value:
    """The blocks as one sequence, without what the shorter block does not fill: the last, or the first in reverse."""
    blocks, _, *row = stack.type.shape
    whole = rewriter.add(ops.Reshape((blocks * STEPS, *row)), stack)
    begin = blocks * STEPS - length if op.reverse else 0
    starts, ends = (begin, *[0] * len(row)), (begin + length, *row)
    return moved(rewriter, rewriter.add(ops.Slice(starts, ends, (1,) * len(ends)), whole), 0, op.axis)
