"""Recurrent layers over sequences whose first axis is time, as formats have them that know recurrent layers at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kexport import ops
from kexport.ir.dim import Dim
from kexport.ir.graph import Node, Value
from kexport.ir.op import Array, Op, arity, infer
from kexport.ir.traits import Traits, Work
from kexport.ir.types import TensorType
from kexport.rewrite import Rewriter

_SWAP = (1, 0, 2)


@dataclass(frozen=True)
class TimeFirst(Op, abstract=True):
    """A recurrent op on x[T,B,I] that gives y[T,B,U]; lengths i32[B] stand in the place of its mask.

    It is no op of the vocabulary: only targets meet it, after `legalize`. Beyond its length a sequence is not read, and
    y is zero.
    """

    traits = Traits(Work.ROUNDS_INSIDE)
    op: Any

    def facts(self) -> Traits:
        return self.op.facts()

    def infer(self, x: TensorType, *rest: TensorType) -> tuple[TensorType, ...]:
        y, *state = infer(self.op, (_swapped(x), *rest[: plain_operands(self.op) - 1]))
        return (_swapped(y), *state)

    def evaluate(self, x: Array, *rest: Array) -> tuple[Array, ...]:
        count = plain_operands(self.op) - 1
        masks = [np.arange(len(x)) < lengths[:, None] for lengths in rest[count:]]
        y, *state = replace(self.op, zero_masked=True).evaluate(x.swapaxes(0, 1), *rest[:count], *masks)
        return (y.swapaxes(0, 1), *state)

    def symbols(self) -> set[str]:
        return self.op.symbols()

    def bind(self, values: Mapping[str, Dim]) -> TimeFirst:
        return TimeFirst(self.op.bind(values))

    def widen(self) -> TimeFirst:
        return TimeFirst(self.op.widen())


def plain_operands(op: Op) -> int:
    """Count the operands that a recurrent op has without its mask."""
    return arity(type(op))[0]


def between_transposes(node: Node, rewriter: Rewriter) -> tuple[Value, ...]:
    """Replace a layer without mask; between layers that follow each other the transposes cancel."""
    x, *rest = node.inputs
    y, *state = rewriter.add_all(TimeFirst(node.op), rewriter.add(ops.Transpose(_SWAP), x), *rest)
    return (rewriter.add(ops.Transpose(_SWAP), y), *state)


def _swapped(x: TensorType) -> TensorType:
    return x.with_shape(x.shape[p] for p in _SWAP)
