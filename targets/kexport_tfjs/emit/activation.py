"""Activation functions that TensorFlow itself lacks."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Node
from kexport_shared.graphdef.nodes import Ref
from kexport_tfjs.context import Context
from kexport_tfjs.emit.table import EMIT


@EMIT.emits(ops.Prelu)
def prelu(e: Context, op: ops.Prelu, node: Node) -> Ref:
    return e.op("Prelu", *e.refs(node))
