"""Matrix products whose batches repeat."""

from __future__ import annotations

from kexport import ops
from kexport.ir.dim import Dim
from kexport.ir.graph import Node, Value
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.rule import Replacement


@rule(ops.MatMul)
def batches_that_repeat(op: ops.MatMul, node: Node, rewriter: Rewriter) -> Replacement:
    """Backends repeat the smaller batch as a whole: right only where its axes are the last ones of the larger."""
    batch = node.output.type.shape[:-2]
    operands = [_repeated(rewriter, v, batch) for v in node.inputs]
    return None if operands == list(node.inputs) else rewriter.add(op, *operands)


def _repeated(rewriter: Rewriter, x: Value, batch: tuple[Dim, ...]) -> Value:
    own = list(x.type.shape[:-2])
    while own and own[0] == 1:
        own.pop(0)
    if own == list(batch[len(batch) - len(own) :]):
        return x
    return rewriter.add(ops.BroadcastTo((*batch, *x.type.shape[-2:])), x)


RULES = (batches_that_repeat,)
