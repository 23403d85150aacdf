"""Brings an optimized graph to the forms that the common emitters know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kexport import ops
from kexport.errors import Unsupported, UnsupportedError
from kexport.ir.dim import SymDim
from kexport.ir.graph import Graph, Node
from kexport.ir.op import Op
from kexport.ir.types import DType
from kexport.passes import prune_loops
from kexport.passes.decompose import DECOMPOSE, decompose
from kexport.rewrite import Rewriter, Rule, RulePass, rule
from kexport.rewrite.rule import Replacement
from kexport.target import all_nodes, text_items
from kexport_graphdef.rules import transpose, window

DECOMPOSED: tuple[type[Op], ...] = (
    ops.Celu, ops.Gelu, ops.GroupNorm, ops.Gru, ops.HardSigmoid, ops.HardSilu, ops.LayerNorm, ops.Lstm, ops.Mish,
    ops.RmsNorm, ops.Silu, ops.SimpleRnn, ops.Threshold,
)  # fmt: skip
"""Ops for which no engine has one that is as good."""


@rule(ops.Softmax, ops.LogSoftmax)
def softmax_of_another_axis(node: Node, rewriter: Rewriter) -> Replacement:
    """TensorFlow's runs along the last axis."""
    op: Any = node.op
    if op.axis % node.output.type.rank == node.output.type.rank - 1:
        return None
    return DECOMPOSE[type(op)].function(node, rewriter)


@rule(ops.Resize)
def resize_of_open_size(node: Node, rewriter: Rewriter) -> Replacement:
    """What the engines have no operation for."""
    op: Any = node.op
    old = node.inputs[0].type.shape[1:3]
    native = op.method == "nearest" or (op.method == "bilinear" and not op.antialias)
    if native or old == op.size or not any(isinstance(d, SymDim) for d in (*old, *op.size)):
        return None
    return DECOMPOSE[ops.Resize].function(node, rewriter)


def legalize(graph: Graph, strangers: Sequence[DType], lacking: Sequence[type[Op]], rules: Sequence[Rule]) -> None:
    """Edit `graph` in place.

    Args:
        graph: an optimized graph.
        strangers: element types that the engine cannot compute with.
        lacking: further ops to decompose.
        rules: further rules.

    Raises:
        UnsupportedError: strange element types; names all nodes.
    """
    refuse(graph, strangers)
    expand = decompose(*DECOMPOSED, *lacking).rules
    own = (softmax_of_another_axis, resize_of_open_size)
    every = (*prune_loops.PASS.rules, *expand, *own, *window.RULES, *transpose.RULES, *rules)
    RulePass("graphdef_forms", every).run(graph)


def refuse(graph: Graph, strangers: Sequence[DType]) -> None:
    """Raise one error for all nodes with an element type that cannot be computed with."""
    items = text_items(graph) if DType.STRING in strangers else []
    items += [
        Unsupported(node.origin, node.op.name, f"there is no arithmetic on {value.type.dtype} here")
        for node in all_nodes(graph)
        for value in (*node.inputs, *node.outputs)
        if value.type.dtype in strangers and value.type.dtype is not DType.STRING
    ]
    if items:
        raise UnsupportedError(list(dict.fromkeys(items)))
