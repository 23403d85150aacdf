"""Expands scans into a while over dense tensors, or, if the length is small and fixed, into unrolled steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from kexport import ops
from kexport.ir.dim import Dim
from kexport.ir.graph import Graph, Node, Value
from kexport.ir.types import DType, TensorType
from kexport.rewrite import Rewriter, Rule, Skip, rule
from kexport.rewrite.body import Body, inline
from kexport.rewrite.term import Term

_COUNTER = TensorType(DType.I32, ())


def unroll_scans(longest: int) -> Rule:
    """Make a rule that unrolls scans of up to `longest` steps."""

    @rule(ops.Scan)
    def unroll_scan(op: ops.Scan, node: Node, rewriter: Rewriter) -> tuple[Value, ...] | Skip | None:
        length = op.length(*(v.type for v in node.inputs))
        if not isinstance(length, int) or not 0 < length <= longest:
            return Skip(f"{length} steps, {longest} would be written out")
        state, sequences, others = op.parts(node.inputs)
        slices = [pieces(rewriter, s, op.axis, length) for s in sequences]
        rows: dict[int, list[Value]] = {}
        for t in reversed(range(length)) if op.reverse else range(length):
            results = inline(rewriter, op.body, [*state, *(s[t] for s in slices), *others])
            state = results[: op.carried]
            rows[t] = results[op.carried :]
        stacks = [stacked(rewriter, column, op.axis) for column in zip(*(rows[t] for t in range(length)), strict=True)]
        return (*state, *stacks)

    return unroll_scan


@rule(ops.Scan)
def scan(op: ops.Scan, node: Node, rewriter: Rewriter) -> tuple[Value, ...]:
    """Expand to a while that gathers the slice of each step and scatters its results into preallocated tensors."""
    state, sequences, others = op.parts(node.inputs)
    length = op.length(*(v.type for v in node.inputs))
    sequences = [moved(rewriter, s, op.axis, 0) for s in sequences]
    steps = [o.value.type for o in op.body.outputs][op.carried :]
    stacks = [rewriter.add(ops.Full((length, *t.shape), 0, t.dtype)) for t in steps]
    zero = rewriter.constant(np.int32(0))
    operands = [zero, count(rewriter, length), *state, *stacks, *sequences, *others]
    loop = ops.While(less("more", operands, (0, 1), node.origin), _body(op, operands, node.origin))
    after = carried(op, rewriter.add_all(loop, *operands)[2:])
    return (*after.state, *(moved(rewriter, s, 0, op.axis) for s in after.stacks))


class Carried(NamedTuple):
    """The state of a loop that stands for a scan, besides its counters."""

    state: list[Value]
    stacks: list[Value]
    """The tensors that rows of results are written into, one per stacked result."""
    sequences: list[Value]
    others: list[Value]

    @property
    def read(self) -> list[Value]:
        """The values that a step only reads."""
        return [*self.sequences, *self.others]


def carried(op: ops.Scan, values: Sequence[Value]) -> Carried:
    """Split the values that a loop for a scan carries after its counters."""
    written = len(op.body.outputs)
    read = written + op.sequences
    return Carried(
        list(values[: op.carried]), list(values[op.carried : written]), list(values[written:read]), list(values[read:])
    )


def inputs_of(body: Body, operands: Sequence[Value]) -> list[Value]:
    """Declare an input of a loop's body for every carried value."""
    return [body.input(f"in_{k}", v.type) for k, v in enumerate(operands)]


def finished(body: Body, values: Sequence[Value]) -> Graph:
    """Finish a loop's body with these carried values."""
    return body.finish({f"out_{k}": v for k, v in enumerate(values)})


def less(name: str, operands: Sequence[Value], places: tuple[int, int], origin: str) -> Graph:
    """The condition of a loop: one of the counters that it carries is less than another."""
    body = Body(name, origin)
    inputs = inputs_of(body, operands)
    return body.finish({"more": body.add(ops.Less(), *(inputs[p] for p in places))})


def _body(op: ops.Scan, operands: Sequence[Value], origin: str) -> Graph:
    body = Body("step", origin)
    i, n, *rest = inputs_of(body, operands)
    state, stacks, sequences, others = carried(op, rest)
    at = Term(body, n) - 1 - Term(body, i) if op.reverse else Term(body, i)
    slices = [body.add(ops.Gather(0), s, at.value) for s in sequences]
    results = inline(body, op.body, [*state, *slices, *others])
    place = body.add(ops.Reshape((1, 1)), at.value)
    written = [_write(body, s, place, r) for s, r in zip(stacks, results[op.carried :], strict=True)]
    return finished(body, [(Term(body, i) + 1).value, n, *results[: op.carried], *written, *sequences, *others])


def _write(body: Body, stack: Value, place: Value, row: Value) -> Value:
    return body.add(ops.ScatterNd("update"), stack, place, body.add(ops.Reshape((1, *row.type.shape)), row))


def count(rewriter: Rewriter, length: Dim) -> Value:
    """A size as an i32[]."""
    if isinstance(length, int):
        return rewriter.constant(np.int32(length))
    return rewriter.add(ops.Reshape(()), rewriter.add(ops.Dims((length,), DType.I32)))


def moved(rewriter: Rewriter, x: Value, source: int, target: int) -> Value:
    """x with one axis moved."""
    if source == target:
        return x
    perm = [a for a in range(x.type.rank) if a != source]
    perm.insert(target, source)
    return rewriter.add(ops.Transpose(tuple(perm)), x)


def pieces(rewriter: Rewriter, x: Value, axis: int, length: int) -> list[Value]:
    """The slices of x along an axis; if it can, it splits it as one with the next axis, without reshapes."""
    shape = (*x.type.shape[:axis], *x.type.shape[axis + 1 :])
    width = shape[axis] if axis < len(shape) else None
    if length == 1 or not isinstance(width, int):
        parts = rewriter.add_all(ops.Split(axis, (1,) * length), x) if length > 1 else (x,)
        return [rewriter.add(ops.Reshape(shape), p) for p in parts]
    flat = rewriter.add(ops.Reshape((*shape[:axis], length * width, *shape[axis + 1 :])), x)
    return list(rewriter.add_all(ops.Split(axis, (width,) * length), flat))


def stacked(rewriter: Rewriter, rows: Sequence[Value], axis: int) -> Value:
    """Slices put together along a new axis, by way of the next axis where that can be."""
    shape = rows[0].type.shape
    width = shape[axis] if axis < len(shape) else None
    if len(rows) > 1 and isinstance(width, int):
        flat = rewriter.add(ops.Concat(axis), *rows)
        return rewriter.add(ops.Reshape((*shape[:axis], len(rows), *shape[axis:])), flat)
    wide = [rewriter.add(ops.Reshape((*shape[:axis], 1, *shape[axis:])), r) for r in rows]
    return rewriter.add(ops.Concat(axis), *wide) if len(wide) > 1 else wide[0]


RULES = (scan,)
