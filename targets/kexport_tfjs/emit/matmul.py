"""Dense layers with bias and activation fused into them."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Node
from kexport_shared.graphdef.emit.matmul import dense as plain_dense
from kexport_shared.graphdef.emit.matmul import from_rows, rows
from kexport_shared.graphdef.nodes import Ref
from kexport_shared.graphdef.table import activate
from kexport_tfjs.context import Context
from kexport_tfjs.emit.table import EMIT, FUSED


@EMIT.emits(ops.Dense)
def dense(e: Context, op: ops.Dense, node: Node) -> Ref:
    """A fused product of matrices: backends have a fast one for two axes alone."""
    w, *bias = (e.ref(v) for v in node.inputs[1:])
    if not bias or not w.dtype.is_float:
        return plain_dense(e, op, node)
    known = op.activation in FUSED
    fused_ops = ["BiasAdd", FUSED[op.activation or ""]] if known else ["BiasAdd"]
    y = e.op(
        "_FusedMatMul", rows(e, node), w, *bias, num_args=1, fused_ops=fused_ops, transpose_a=False, transpose_b=False
    )
    return from_rows(e, node, y if known else activate(e, op.activation, y))
