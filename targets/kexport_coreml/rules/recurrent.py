"""Recurrent layers: Core ML has some of them, over sequences whose first axis is time; the others become loops.

Its `gru` is not used. Apple's documentation and Apple's tests of it multiply the reset gate in different places, the
tests leave out batches of more than one, for which they report zeros, and expect the form of iOS 18 that resets after
the product to fail; WebNN's authors found it wrong on devices (github.com/webmachinelearning/webnn/issues/689).
"""

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
from kexport.passes.decompose import DECOMPOSE
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.rule import Replacement

NAMES: Mapping[str | None, str] = {None: "linear", "relu": "relu", "tanh": "tanh", "sigmoid": "sigmoid"}
"""What Core ML calls activations. Its hard_sigmoid is another one than that of Keras."""
WEIGHTS: Mapping[type[Op], slice] = {ops.SimpleRnn: slice(2, 5), ops.Lstm: slice(3, 6)}
"""Where weights and biases stand among the operands; a mask comes behind them."""
HALF_SINCE = 17
"""Before this iOS these operations take float32 only."""
_SWAP = (1, 0, 2)


@dataclass(frozen=True)
class TimeMajor(Op, abstract=True):
    """A recurrent op over x[T,B,I] that gives y[T,B,U]; its other operands and results are as ever.

    It is no op of the vocabulary: only this target meets it, after `legalize`.
    """

    traits = Traits(Work.ROUNDS_INSIDE)
    op: Op

    def facts(self) -> Traits:
        return self.op.facts()

    def infer(self, x: TensorType, *rest: TensorType) -> tuple[TensorType, ...]:
        y, *state = infer(self.op, (_swapped(x), *rest))
        return _swapped(y), *state

    def evaluate(self, x: Array, *rest: Array) -> tuple[Array, ...]:
        y, *state = self.op.evaluate(np.swapaxes(x, 0, 1), *rest)
        return np.swapaxes(y, 0, 1), *state

    def symbols(self) -> set[str]:
        return self.op.symbols()

    def bind(self, values: Mapping[str, Dim]) -> TimeMajor:
        return TimeMajor(self.op.bind(values))

    def widen(self) -> TimeMajor:
        return TimeMajor(self.op.widen())


@rule(ops.Lstm, ops.SimpleRnn)
def time_first(node: Node, rewriter: Rewriter) -> Replacement:
    """Between transposes, where Core ML has the layer; else step by step."""
    if why_not(node):
        return DECOMPOSE[type(node.op)].function(node, rewriter)
    x, *rest = node.inputs
    y, *state = rewriter.add_all(TimeMajor(node.op), rewriter.add(ops.Transpose(_SWAP), x), *rest)
    return (rewriter.add(ops.Transpose(_SWAP), y), *state)


def why_not(node: Node) -> str:
    """Why Core ML has no operation for a recurrent layer; empty if it has one."""
    op: Any = node.op
    weights = WEIGHTS[type(op)]
    if len(node.inputs) > weights.stop:
        return "it is masked"
    if not all(v.is_constant for v in node.inputs[weights]):
        return "its weights are computed"
    if not {op.activation, getattr(op, "recurrent_activation", None)} <= NAMES.keys():
        return "its activations are others"
    return ""


def _swapped(x: TensorType) -> TensorType:
    return x.with_shape(x.shape[p] for p in _SWAP)


RULES = (time_first,)
