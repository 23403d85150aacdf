"""Brings an optimized graph to the forms that the common emitters know."""

from __future__ import annotations

from collections.abc import Sequence

from kexport import ops
from kexport.errors import Unsupported, UnsupportedError
from kexport.ir.graph import Graph
from kexport.ir.op import Op
from kexport.ir.types import DType
from kexport.passes import prune_loops
from kexport.passes.decompose import decompose
from kexport.rewrite import Log, Rule, RulePass
from kexport.target import all_nodes, text_items
from kexport_shared.graphdef.rules import reduce, resize, transpose, window

DECOMPOSED: tuple[type[Op], ...] = (
    ops.Celu, ops.Dequantize, ops.Gelu, ops.GroupNorm, ops.Gru, ops.HardSigmoid, ops.HardSilu, ops.LayerNorm, ops.Lstm,
    ops.Mish, ops.Quantize, ops.RmsNorm, ops.Silu, ops.SimpleRnn, ops.Threshold,
)  # fmt: skip
"""Ops for which no engine has one that is as good."""


def rules(lacking: Sequence[type[Op]], own: Sequence[Rule]) -> tuple[Rule, ...]:
    """The rules of a target.

    Args:
        lacking: ops to decompose besides those that no engine has.
        own: the target's own rules.
    """
    expand = decompose(*DECOMPOSED, *lacking).rules
    common = (*reduce.RULES, *resize.RULES, *window.RULES, *transpose.RULES)
    return (*prune_loops.PASS.rules, *expand, *common, *own)


def legalize(graph: Graph, strangers: Sequence[DType], rules: tuple[Rule, ...], log: Log | None = None) -> None:
    """Edit `graph` in place.

    Args:
        graph: an optimized graph.
        strangers: element types that the engine cannot compute with.
        rules: what `rules` gave.
        log: gets what fired and why rules skipped.

    Raises:
        UnsupportedError: strange element types; names all nodes.
    """
    refuse(graph, strangers)
    RulePass("graphdef_forms", rules).run(graph, log)


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
