"""Casts of constants, and choices between booleans."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Node
from kexport.ir.types import DType
from kexport.rewrite.narrow import is_narrow
from kexport_shared.graphdef.emit.elementwise import cast as plain_cast
from kexport_shared.graphdef.nodes import Ref
from kexport_tfjs.context import Context
from kexport_tfjs.emit.table import EMIT


@EMIT.emits(ops.Cast)
def cast(e: Context, op: ops.Cast, node: Node) -> Ref:
    """Narrow integers are widened by the loader."""
    (value,) = node.inputs
    return e.weight(value, dtype=node.output.type.dtype) if is_narrow(value) else plain_cast(e, op, node)


@EMIT.emits(ops.Select)
def select(e: Context, op: ops.Select, node: Node) -> Ref:
    """Of booleans the wasm backend reads four bytes each, beyond the tensor's end."""
    condition, a, b = e.refs(node)
    if a.dtype is not DType.BOOL:
        return e.op("SelectV2", condition, a, b, main=1)
    chosen = e.op("LogicalAnd", condition, a, dtype=DType.BOOL)
    other = e.op("LogicalAnd", e.op("LogicalNot", condition, dtype=DType.BOOL), b, dtype=DType.BOOL)
    return e.op("LogicalOr", chosen, other, dtype=DType.BOOL)
