"""Elements read at indices within batches."""

from __future__ import annotations

from kexport import ops
from kexport.ir.dim import Dim, SymDim, product
from kexport.ir.graph import Node, Value
from kexport.ir.types import DType
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.rule import Replacement
from kexport_shared.emit.axes import behind_batches


@rule(ops.Gather)
def gather_of_batches(op: ops.Gather, node: Node, rewriter: Rewriter) -> Replacement:
    """All batches as one, with indices to match: the wasm backend's gather from batches is wrong."""
    x, indices = node.inputs
    rank = x.type.rank
    batch = op.batch_dims
    axis = op.axis % rank
    if not batch:
        return None
    moves = behind_batches(axis, batch, rank, indices.type.rank)
    if moves:
        x = rewriter.add(ops.Transpose(moves.before), x)
    count = product(x.type.shape[:batch])
    size = x.type.shape[batch]
    rest = x.type.shape[batch + 1 :]
    folded = rewriter.add(ops.Reshape((count * size, *rest)), x)
    places = rewriter.add(ops.Reshape((count, product(indices.type.shape[batch:]))), indices)
    starts = rewriter.add(ops.Reshape((count, 1)), _starts(rewriter, count, size, indices.type.dtype))
    found = rewriter.add(ops.Gather(0), folded, rewriter.add(ops.Add(), places, starts))
    y = rewriter.add(ops.Reshape((*indices.type.shape, *rest)), found)
    return rewriter.add(ops.Transpose(moves.behind), y) if moves else y


def _starts(rewriter: Rewriter, count: Dim, size: Dim, dtype: DType) -> Value:
    """Where each batch begins."""
    if not isinstance(size, SymDim):
        return rewriter.add(ops.Iota(count, dtype, 0, size))
    return rewriter.add(ops.Mul(), rewriter.add(ops.Iota(count, dtype)), rewriter.add(ops.Dims((size,), dtype)))


RULES = (gather_of_batches,)
