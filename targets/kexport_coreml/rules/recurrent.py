"""Recurrent layers: Core ML has some of them, over sequences whose first axis is time; the others become loops.

Its `gru` is not used. Apple's documentation and Apple's tests of it multiply the reset gate in different places, the
tests leave out batches of more than one, for which they report zeros, and expect the form of iOS 18 that resets after
the product to fail; WebNN's authors found it wrong on devices (github.com/webmachinelearning/webnn/issues/689).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kexport import ops
from kexport.ir.graph import Node
from kexport.ir.op import Op
from kexport.passes.decompose import DECOMPOSE
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.rule import Replacement
from kexport_shared.emit.recurrent import between_transposes

NAMES: Mapping[str | None, str] = {None: "linear", "relu": "relu", "tanh": "tanh", "sigmoid": "sigmoid"}
"""What Core ML calls activations. Its hard_sigmoid is another one than that of Keras."""
WEIGHTS: Mapping[type[Op], slice] = {ops.SimpleRnn: slice(2, 5), ops.Lstm: slice(3, 6)}
"""Where weights and biases stand among the operands; a mask comes behind them."""
HALF_SINCE = 17
"""Before this iOS these operations take float32 only."""


@rule(ops.Lstm, ops.SimpleRnn)
def time_first(op: ops.Lstm | ops.SimpleRnn, node: Node, rewriter: Rewriter) -> Replacement:
    """Between transposes, where Core ML has the layer; else step by step."""
    if why_not(node):
        return DECOMPOSE[type(op)].apply(node, rewriter)
    return between_transposes(node, rewriter)


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


RULES = (time_first,)
