"""Casts of constants."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Node
from kexport.rewrite.narrow import is_narrow
from kexport_graphdef.context import Context
from kexport_graphdef.emit.elementwise import cast as plain_cast
from kexport_graphdef.nodes import Ref
from kexport_tfjs.emit.table import EMITTERS


@EMITTERS.emits(ops.Cast)
def cast(e: Context, node: Node) -> Ref:
    """Narrow integers are widened by the loader."""
    (value,) = node.inputs
    return e.weight(value, dtype=node.output.type.dtype) if is_narrow(value) else plain_cast(e, node)
