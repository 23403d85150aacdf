"""Windows over what Core ML has no windows for."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Node
from kexport.ir.types import DType
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.rule import Replacement


@rule(ops.MaxPool)
def pool_of_integers(op: ops.MaxPool, node: Node, rewriter: Rewriter) -> Replacement:
    """Integers of up to 16 bits pass through float32 unharmed."""
    dtype = node.output.type.dtype
    if dtype not in (DType.I8, DType.U8, DType.I16, DType.U16):
        return None
    wide = rewriter.add(ops.Cast(DType.F32), node.inputs[0])
    return rewriter.add(ops.Cast(dtype), rewriter.add(op, wide))


RULES = (pool_of_integers,)
