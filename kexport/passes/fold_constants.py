"""Evaluates ops whose operands are all constant."""

from __future__ import annotations

from kexport.ir.graph import Node, Value
from kexport.ir.op import Op
from kexport.rewrite import Rewriter, RulePass, Skip, rule
from kexport.rewrite.fold import MAX_GROWTH, fold_constants


@rule()
def fold(op: Op, node: Node, rewriter: Rewriter) -> tuple[Value, ...] | Skip | None:
    """Fold an op on constants, unless that would store a large constant twice."""
    if not all(v.is_constant for v in node.inputs):
        return None
    types = [v.type for v in node.outputs]
    shared = [v for v in node.inputs if v.data is not None and v.data.nbytes > MAX_GROWTH and len(v.users) > 1]
    if shared and any(not t.is_static or t.numel * t.dtype.numpy.itemsize > MAX_GROWTH for t in types):
        return Skip("a large constant would be held twice")
    results = fold_constants(op, node.inputs, types)
    return None if results is None else tuple(map(rewriter.constant, results))


PASS = RulePass("fold_constants", (fold,))
