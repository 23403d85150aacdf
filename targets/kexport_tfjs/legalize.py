"""Brings an optimized graph to the forms that TensorFlow.js knows."""

from __future__ import annotations

from typing import Any

from kexport import ops
from kexport.errors import Unsupported, UnsupportedError
from kexport.ir.graph import Graph, Node
from kexport.ir.op import Op
from kexport.passes.decompose import DECOMPOSE
from kexport.passes.decompose.hashing import hash_narrow_number
from kexport.passes.fuse_activation import fuse_activation
from kexport.rewrite import Log, Rule
from kexport.target import all_nodes
from kexport_shared.graphdef import legalize as common
from kexport_tfjs.context import STRANGERS
from kexport_tfjs.emit.table import FUSED
from kexport_tfjs.options import TfjsOptions
from kexport_tfjs.rules import activation, control, index, matmul, norm, transpose, window

MOST_AXES = 6
"""Tensors of more axes are refused by every backend."""

DECOMPOSED: tuple[type[Op], ...] = (ops.OneHot, ops.Softsign, ops.SpaceToDepth)
"""Ops that TensorFlow.js lacks, or has wrongly, besides those that no engine has."""

_OWN: tuple[Rule, ...] = (
    *norm.RULES,
    *activation.RULES,
    *window.RULES,
    *matmul.RULES,
    *index.RULES,
    *transpose.RULES,
    *control.RULES,
    hash_narrow_number,
    DECOMPOSE[ops.FloorDiv],
)
"""Floats are divided and then rounded down: the plain JavaScript backend's FloorDiv gives 0 for infinities."""
RULES: tuple[Rule, ...] = common.rules(DECOMPOSED, _OWN)
"""What legalization runs."""


def legalize(graph: Graph, options: TfjsOptions, log: Log | None = None) -> None:
    """Edit `graph` in place.

    Raises:
        UnsupportedError: element types, scatters or tensors that TensorFlow.js does not have.
    """
    fuse_activation(FUSED).run(graph, log)
    common.legalize(graph, STRANGERS, RULES, log)
    items = [Unsupported(n.origin, n.op.name, why) for n in all_nodes(graph) if (why := _obstacle(n))]
    if items:
        raise UnsupportedError(items)


def _obstacle(node: Node) -> str | None:
    op: Any = node.op
    if isinstance(op, ops.ScatterNd) and op.reduction in ("max", "min"):
        return f"TensorFlow.js cannot scatter the {op.reduction}imum"
    largest = max((v.type.rank for v in (*node.inputs, *node.outputs)), default=0)
    return f"TensorFlow.js has tensors of up to {MOST_AXES} axes, not {largest}" if largest > MOST_AXES else None
