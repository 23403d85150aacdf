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
from kexport.passes.decompose.control import carried, count, finished, inputs_of, less, moved
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
    loop = ops.While(less("more_blocks", operands, (0, 2), node.origin), _outer(op, operands, node.origin))
    results = rewriter.add_all(loop, *operands)[len(limits) :]
    whole = [_joined(rewriter, s, length, op) for s in results[op.carried : op.carried + len(rows)]]
    return (*results[: op.carried], *whole)


def _outer(op: ops.Scan, operands: Sequence[Value], origin: str) -> Graph:
    """(first step, block, steps, blocks, state, stacks, parts, sequences, others) -> the same, a block later."""
    body = Body("block", origin)
    first, block, steps, blocks, *rest = inputs_of(body, operands)
    state, stacks, parts, read = _with_parts(op, rest)
    following = Term(body, first) + STEPS
    stop = following.min(Term(body, steps)).value
    inner = [first, stop, first, steps, *state, *parts, *read]
    loop = ops.While(less("more", inner, (0, 1), origin), _inner(op, inner, origin))
    after = carried(op, body.add_all(loop, *inner)[4:])
    at = Term(body, blocks) - 1 - Term(body, block) if op.reverse else Term(body, block)
    written = [_write(body, s, p, at) for s, p in zip(stacks, after.stacks, strict=True)]
    counters = [following.value, (Term(body, block) + 1).value, steps, blocks]
    return finished(body, [*counters, *after.state, *written, *after.stacks, *read])


def _with_parts(op: ops.Scan, values: Sequence[Value]) -> tuple[list[Value], list[Value], list[Value], list[Value]]:
    """The state, stacks of blocks, the block that is written now, and what is only read."""
    state, stacks, *_ = carried(op, values)
    inner = carried(op, [*state, *values[len(state) + len(stacks) :]])
    return state, stacks, inner.stacks, inner.read


def _inner(op: ops.Scan, operands: Sequence[Value], origin: str) -> Graph:
    """(step, stop, first step, steps, state, parts, sequences, others) -> the same, a step later."""
    body = Body("step", origin)
    step, stop, first, steps, *rest = inputs_of(body, operands)
    state, parts, sequences, others = carried(op, rest)
    here = Term(body, step)
    at = here
    place = here - Term(body, first)
    if op.reverse:
        at = Term(body, steps) - 1 - here
        place = (STEPS - 1) - place
    results = inline(body, op.body, [*state, *(body.add(ops.Gather(0), s, at.value) for s in sequences), *others])
    written = [_write(body, p, r, place) for p, r in zip(parts, results[op.carried :], strict=True)]
    after = [(here + 1).value, stop, first, steps, *results[: op.carried], *written, *sequences, *others]
    return finished(body, after)


def _write(body: Body, stack: Value, row: Value, at: Term) -> Value:
    return body.add(UpdateRow(), stack, body.add(ops.Reshape((1, *row.type.shape)), row), at.value)


def _joined(rewriter: Rewriter, stack: Value, length: Dim, op: Any) -> Value:
    """The blocks as one sequence, without what the shorter block does not fill: the last, or the first in reverse."""
    blocks, _, *row = stack.type.shape
    whole = rewriter.add(ops.Reshape((blocks * STEPS, *row)), stack)
    begin = blocks * STEPS - length if op.reverse else 0
    starts = (begin, *[0] * len(row))
    ends = (begin + length, *row)
    return moved(rewriter, rewriter.add(ops.Slice(starts, ends, (1,) * len(ends)), whole), 0, op.axis)
