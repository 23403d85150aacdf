"""Channels first: how the ops that ONNX defines that way appear in a legalized graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kexport.ir.dim import Dim
from kexport.ir.graph import Node
from kexport.ir.op import Array, Op, infer
from kexport.ir.types import TensorType
from kexport.passes.sink_transposes import Perm


def to_first(rank: int) -> Perm:
    """The transpose from channels last to channels first."""
    return (0, rank - 1, *range(1, rank - 1))


def to_last(rank: int) -> Perm:
    """The transpose from channels first to channels last."""
    return (0, *range(2, rank), 1)


@dataclass(frozen=True)
class ChannelsFirst(Op, abstract=True):
    """An op whose first operand and result are channels first; its other operands are as ever.

    Private to this target: no op of the vocabulary, so not in its table of names.
    """

    op: Op

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


def _permuted(x: TensorType, perm: Perm) -> TensorType:
    return x.with_shape(x.shape[p] for p in perm)
