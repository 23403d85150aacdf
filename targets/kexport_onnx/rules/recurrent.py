"""Recurrent layers as ONNX has them: time first, and sequences that end early instead of masks.

A masked step changes no state, so a masked layer is the layer without mask on the live steps alone: these are moved to
the front in their order, the layer is told how many there are, and its outputs are moved back. That is exact for every
mask. Between layers that follow each other the transposes cancel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kexport import ops
from kexport.ir.graph import Node, Value
from kexport.ir.types import DType
from kexport.passes.decompose import DECOMPOSE
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.rule import Replacement
from kexport.rewrite.term import Term
from kexport_shared.emit.recurrent import TimeFirst, between_transposes, plain_operands

NATIVE_ACTIVATIONS: dict[str | None, tuple[str, tuple[float, ...]]] = {
    None: ("Affine", (1.0, 0.0)),
    "elu": ("Elu", (1.0,)),
    "hard_sigmoid": ("HardSigmoid", (1 / 6, 0.5)),
    "relu": ("Relu", ()),
    "sigmoid": ("Sigmoid", ()),
    "softplus": ("Softplus", ()),
    "softsign": ("Softsign", ()),
    "tanh": ("Tanh", ()),
}
"""What ONNX calls the activations that its recurrent ops have, with their alpha and beta."""


def is_native(op: Any, dtype: DType) -> bool:
    """Whether ONNX has all its activations, and runtimes kernels for its element type."""
    names = {op.activation, getattr(op, "recurrent_activation", None)}
    return dtype is not DType.F64 and names <= NATIVE_ACTIVATIONS.keys()


@rule(ops.SimpleRnn, ops.Gru, ops.Lstm)
def time_first(op: ops.SimpleRnn | ops.Gru | ops.Lstm, node: Node, rewriter: Rewriter) -> Replacement:
    """The native form; as a loop where there is none."""
    if not is_native(op, node.inputs[0].type.dtype):
        return DECOMPOSE[type(op)].apply(node, rewriter)
    if len(node.inputs) > plain_operands(op):
        return _masked(node, rewriter)
    return between_transposes(node, rewriter)


def _masked(node: Node, rewriter: Rewriter) -> tuple[Value, ...]:
    op: Any = node.op
    x, *rest, mask = node.inputs
    steps = _Steps(rewriter, mask)
    y, *state = rewriter.add_all(TimeFirst(op), steps.to_front(x), *rest, steps.lengths.cast(DType.I32).value)
    back = steps.moved_back(Term(rewriter, y), op.reverse, op.zero_masked)
    return (back.value, *steps.kept(state, rest, trusted=not isinstance(op, ops.SimpleRnn)))


class _Steps:
    """Where the live steps of a mask are: bool[B,T], with the numbers that all movements are made of."""

    def __init__(self, rewriter: Rewriter, mask: Value):
        self.rewriter = rewriter
        self.mask = Term(rewriter, mask)
        self.batch, self.length = mask.type.shape
        self.live = self.mask.of(ops.Cast(DType.I64))
        self.seen = self.live.of(ops.CumSum(1))
        """Live steps up to this one."""
        self.lengths = self.live.of(ops.ReduceSum((1,)))

    def to_front(self, x: Value) -> Value:
        """x[B,T,I] as [T,B,I], the live steps of each sequence before the others, both in their order."""
        time = Term(self.rewriter, self.rewriter.add(ops.Iota(self.length, DType.I64)))
        others = time - self.seen + self._column(self.lengths)
        place = self.mask.select(self.seen - 1, others)
        batch, length, *inner = x.type.shape
        empty = self.rewriter.add(ops.Full((length, batch, *inner), 0, x.type.dtype))
        return self.rewriter.add(ops.ScatterNd("update"), empty, self._at(place), x)

    def moved_back(self, y: Term, reverse: bool, zero_masked: bool) -> Term:
        """y[T,B,U] as [B,T,U]: each step gets the output of the live step taken last, or zeros."""
        if reverse:
            place = self.seen - self.live
            valid = place < self._column(self.lengths)
        else:
            place = (self.seen - 1).max(0)
            valid = self.seen > 0
        valid = self.mask if zero_masked else valid
        found = Term(self.rewriter, self.rewriter.add(ops.GatherNd(), y.value, self._at(place)))
        return self._column(valid).select(found, found.lift(0))

    def kept(self, new: Sequence[Value], old: Sequence[Value], trusted: bool) -> list[Value]:
        """The last state; where no step is live that is the first state.

        Zeros are `trusted` to the engine, but not of an RNN: before 1.26 ONNX Runtime gives what was in memory.
        """
        any_live = self._column(self.lengths > 0)
        pairs = [(Term(self.rewriter, n), Term(self.rewriter, o)) for n, o in zip(new, old, strict=False)]
        return [n.value if trusted and is_zero(o.value) else any_live.select(n, o).value for n, o in pairs]

    def _at(self, time: Term) -> Value:
        """Indices [B,T,2] into something time first."""
        shape = (self.batch, self.length, 1)
        row = self.rewriter.add(ops.Reshape((self.batch, 1, 1)), self.rewriter.add(ops.Iota(self.batch, DType.I64)))
        rows = self.rewriter.add(ops.BroadcastTo(shape), row)
        return self.rewriter.add(ops.Concat(2), self._column(time).value, rows)

    def _column(self, x: Term) -> Term:
        return x.of(ops.Reshape((*x.type.shape, 1)))


def is_zero(value: Value) -> bool:
    """Whether a value is known to be all zeros."""
    if value.data is not None:
        return not value.data.any()
    made = value.producer.op if value.producer else None
    return isinstance(made, ops.Full) and not made.value


RULES = (time_first,)
