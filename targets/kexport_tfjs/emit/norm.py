"""Batch normalization, which backends have as one kernel."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Node
from kexport_shared.graphdef.nodes import Ref
from kexport_tfjs.context import Context
from kexport_tfjs.emit.table import EMIT


@EMIT.emits(ops.BatchNorm)
def batch_norm(e: Context, op: ops.BatchNorm, node: Node) -> Ref:
    return e.op("FusedBatchNormV3", *e.refs(node), epsilon=float(op.epsilon), data_format="NHWC", is_training=False)
