"""Elements written at indices."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Node
from kexport_shared.graphdef.emit.index import index
from kexport_shared.graphdef.emit.index import scatter_nd as plain_scatter
from kexport_shared.graphdef.nodes import Ref
from kexport_tfjs.context import Context
from kexport_tfjs.emit.table import EMIT


@EMIT.emits(ops.ScatterNd)
def scatter_nd(e: Context, op: ops.ScatterNd, node: Node) -> Ref:
    """The plain JavaScript backend writes into its operand, and into what shares memory with it: it gets a copy."""
    if op.reduction != "update":
        return plain_scatter(e, op, node)
    data, indices, updates = e.refs(node)
    own = e.op("Tile", data, e.ints([1] * node.output.type.rank))
    return e.op("TensorScatterUpdate", own, index(e, indices), updates)
