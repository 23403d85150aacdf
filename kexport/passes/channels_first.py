"""Wraps convolutions and similar ops in a pair of transposes, for targets that define them channels first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kexport import ops
from kexport.ir.dim import Dim
from kexport.ir.graph import Node
from kexport.ir.op import Array, Op, infer
from kexport.ir.traits import Traits, Work
from kexport.ir.types import TensorType
from kexport.passes.sink_transposes import Perm, transpose_above
from kexport.rewrite import Rewriter, Rule, rule
from kexport.rewrite.rule import Replacement


def to_first(rank: int) -> Perm:
    """The transpose from channels last to channels first."""
    return (0, rank - 1, *range(1, rank - 1))


def to_last(rank: int) -> Perm:
    """The transpose from channels first to channels last."""
    return (0, *range(2, rank), 1)


@dataclass(frozen=True)
class ChannelsFirst(Op, abstract=True):
    """An op whose first operand and result are channels first; its other operands are unchanged.

    It is not in the vocabulary, so not in its table of names: only targets meet it, after `legalize`.
    """

    traits = Traits(Work.ROUNDS_INSIDE)
    op: Op

    def facts(self) -> Traits:
        return self.op.facts()

    def infer(self, x: TensorType, *rest: TensorType) -> TensorType:
        (result,) = infer(self.op, (_permuted(x, to_last(x.rank)), *rest))
        return _permuted(result, to_first(result.rank))

    def evaluate(self, x: Array, *rest: Array) -> Array:
        result = self.op.evaluate(np.moveaxis(x, 1, -1), *rest)
        assert isinstance(result, np.ndarray)
        return np.moveaxis(result, -1, 1)

    def symbols(self) -> set[str]:
        return self.op.symbols()

    def bind(self, values: Mapping[str, Dim]) -> ChannelsFirst:
        return ChannelsFirst(self.op.bind(values))

    def widen(self) -> ChannelsFirst:
        return ChannelsFirst(self.op.widen())


def inner(node: Node) -> Any:
    """The channels-last op of a node."""
    return node.op.op if isinstance(node.op, ChannelsFirst) else node.op


def channels_first(*kinds: type[Op]) -> Rule:
    """The rule that wraps these ops in a pair of transposes."""
    return Rule("channels_first", kinds, _wrap)


def _wrap(op: Op, node: Node, rewriter: Rewriter) -> Replacement:
    x, *rest = node.inputs
    rank = x.type.rank
    if rank < 3:
        return rewriter.add(ChannelsFirst(op), x, *rest)
    result = rewriter.add(ChannelsFirst(op), rewriter.add(ops.Transpose(to_first(rank)), x), *rest)
    return rewriter.add(ops.Transpose(to_last(rank)), result)


@rule(ops.BatchNorm)
def sink_through_batch_norm(op: ops.BatchNorm, node: Node, rewriter: Rewriter) -> Replacement:
    """Normalize before the transpose if the channels come first there."""
    above = transpose_above(node.inputs[0])
    rank = node.output.type.rank
    if above is None or above.op != ops.Transpose(to_last(rank)):
        return None
    result = rewriter.add(ChannelsFirst(op), above.inputs[0], *node.inputs[1:])
    return rewriter.add(above.op, result)


def _permuted(x: TensorType, perm: Perm) -> TensorType:
    return x.with_shape(x.shape[p] for p in perm)
