"""Pooling."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Node
from kexport.ops.pool import Pool
from kexport_shared.graphdef.context import Context
from kexport_shared.graphdef.nodes import Ref
from kexport_shared.graphdef.table import COMMON

_KINDS = {
    (ops.MaxPool, 2): ("MaxPool", "NHWC"),
    (ops.AvgPool, 2): ("AvgPool", "NHWC"),
    (ops.MaxPool, 3): ("MaxPool3D", "NDHWC"),
    (ops.AvgPool, 3): ("AvgPool3D", "NDHWC"),
}


@COMMON.emits(ops.MaxPool, ops.AvgPool)
def pool(e: Context, op: Pool, node: Node) -> Ref:
    """Over two or three axes, `same` or `valid`; legalize has seen to the rest."""
    kind, layout = _KINDS[type(op), len(op.window)]
    assert isinstance(op.padding, str)
    return e.op(
        kind,
        *e.refs(node),
        ksize=[1, *op.window, 1],
        strides=[1, *op.strides, 1],
        padding=op.padding.upper(),
        data_format=layout,
    )
