"""Ops that TensorFlow has and TensorFlow.js lacks."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Node
from kexport.ir.op import Op
from kexport_savedmodel.context import Context
from kexport_savedmodel.emit.table import EMIT
from kexport_shared.graphdef.emit.index import index
from kexport_shared.graphdef.nodes import Ref

_BITS = {
    ops.BitAnd: "BitwiseAnd",
    ops.BitOr: "BitwiseOr",
    ops.BitXor: "BitwiseXor",
    ops.ShiftLeft: "LeftShift",
    ops.ShiftRight: "RightShift",
}
_SCATTER = {
    "update": "TensorScatterUpdate",
    "add": "TensorScatterAdd",
    "max": "TensorScatterMax",
    "min": "TensorScatterMin",
}


@EMIT.emits(*_BITS)
def bits(e: Context, op: Op, node: Node) -> Ref:
    return e.op(_BITS[type(op)], *e.refs(node))


@EMIT.applies(ops.BitNot)
def bit_not(e: Context, op: ops.BitNot, x: Ref) -> Ref:
    return e.op("Invert", x)


@EMIT.applies(ops.Softsign)
def softsign(e: Context, op: ops.Softsign, x: Ref) -> Ref:
    return e.op("Softsign", x)


@EMIT.emits(ops.SpaceToDepth)
def space_to_depth(e: Context, op: ops.SpaceToDepth, node: Node) -> Ref:
    (x,) = e.refs(node)
    return x if op.block == 1 else e.op("SpaceToDepth", x, block_size=op.block, data_format="NHWC")


@EMIT.emits(ops.ScatterNd)
def scatter_nd(e: Context, op: ops.ScatterNd, node: Node) -> Ref:
    data, indices, updates = e.refs(node)
    return e.op(_SCATTER[op.reduction], data, index(e, indices), updates)
