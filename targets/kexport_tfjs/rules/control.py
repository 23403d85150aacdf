"""Expands scans into loops of many steps per round, as a round costs TensorFlow.js about ten small kernels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kexport import ops
from kexport.ir.dim import Dim
from kexport.ir.graph import Graph, Node, Value
from kexport.passes.decompose.control import carried, count, finished, inputs_of, moved, pieces, stacked, unroll_scans
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.body import Body, inline
from kexport.rewrite.rule import Replacement
from kexport.rewrite.term import Term

WRITTEN_OUT = 128
"""The most steps that are unrolled without a loop: the model then runs synchronously, at less cost per node."""
WRITTEN_NODES = 2048
"""The most nodes of an unrolled scan; a node takes about 100 bytes of model.json."""
ROUND = 16
"""The most steps of a round."""
ROUND_NODES = 512
"""The most nodes of a round."""


@rule(ops.Scan)
def write_out(op: ops.Scan, node: Node, rewriter: Rewriter) -> Replacement:
    """A few steps need no loop."""
    most = min(WRITTEN_OUT, WRITTEN_NODES // _size(node))
    return unroll_scans(most).apply(node, rewriter)


@rule(ops.Scan)
def loop_in_rounds(op: ops.Scan, node: Node, rewriter: Rewriter) -> tuple[Value, ...]:
    """A while over rounds of steps, and more over the steps that are left."""
    state, sequences, others = op.parts(node.inputs)
    length = op.length(*(v.type for v in node.inputs))
    rows = [o.value.type for o in op.body.outputs][op.carried :]
    stacks = [rewriter.add(ops.Full((length, *t.shape), 0, t.dtype)) for t in rows]
    last = Term(rewriter, count(rewriter, length)) - 1
    operands = [rewriter.constant(np.int32(0)), last.value, *state, *stacks, *sequences, *others]
    for steps in _rounds(length, min(ROUND, ROUND_NODES // _size(node))):
        loop = ops.While(_more(operands, steps, node.origin), _round(op, operands, steps, node.origin))
        operands = list(rewriter.add_all(loop, *operands))
    after = carried(op, operands[2:])
    return (*after.state, *(moved(rewriter, s, 0, op.axis) for s in after.stacks))


def _size(node: Node) -> int:
    (body,) = node.bodies
    return max(1, sum(1 for _ in body.nodes))


def _rounds(length: Dim, most: int) -> list[int]:
    """The steps of a round of each loop; for a known length the last loop has one round, if any."""
    if not isinstance(length, int):
        return [*(size for size in (most, most // 4) if size > 1), 1]
    most = max(1, min(most, length))
    steps = min(range(-(-most // 2), most + 1), key=lambda size: (length % size, -size))
    return [steps, length % steps] if length % steps else [steps]


def _more(operands: Sequence[Value], steps: int, origin: str) -> Graph:
    """(step, last step, …) -> whether as many steps are left."""
    body = Body("more", origin)
    i, last, *_ = inputs_of(body, operands)
    return body.finish({"more": (Term(body, i) + (steps - 1)).of(ops.LessEqual(), Term(body, last)).value})


def _round(op: ops.Scan, operands: Sequence[Value], steps: int, origin: str) -> Graph:
    """(step, last step, state, stacks, sequences, others) -> the same, some steps later."""
    body = Body("steps", origin)
    i, last, *rest = inputs_of(body, operands)
    state, stacks, sequences, others = carried(op, rest)
    offsets = Term(body, body.constant(np.arange(steps, dtype=np.int32)))
    first = Term(body, last) - Term(body, i) if op.reverse else Term(body, i)
    at = first - offsets if op.reverse else first + offsets
    slices = [pieces(body, body.add(ops.Gather(op.axis), s, at.value), op.axis, steps) for s in sequences]
    rows: list[list[Value]] = []
    for t in range(steps):
        results = inline(body, op.body, [*state, *(s[t] for s in slices), *others])
        state = results[: op.carried]
        made = results[op.carried :]
        rows.append(made)
    places = body.add(ops.Reshape((steps, 1)), at.value)
    columns = [stacked(body, column, 0) for column in zip(*rows, strict=True)]
    stacks = [body.add(ops.ScatterNd("update"), s, places, c) for s, c in zip(stacks, columns, strict=True)]
    return finished(body, [(Term(body, i) + steps).value, last, *state, *stacks, *sequences, *others])


RULES = (write_out, loop_in_rounds)
