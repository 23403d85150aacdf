"""Brings an optimized graph to the forms that TensorFlow.js knows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kexport import ops
from kexport.errors import Unsupported, UnsupportedError
from kexport.ir.dim import Dim, SymDim, product
from kexport.ir.graph import Graph, Node, Value
from kexport.ir.op import Op
from kexport.ir.types import DType
from kexport.ops.window import explicit_pads, extent
from kexport.passes.decompose import DECOMPOSE
from kexport.passes.decompose.hashing import hash_narrow_number
from kexport.passes.fuse_activation import fuse_activation
from kexport.rewrite import Rewriter, Rule, rule
from kexport.rewrite.rule import Replacement
from kexport.target import all_nodes
from kexport_graphdef.legalize import legalize as legalize_forms
from kexport_graphdef.rules.transpose import volume_as_conv
from kexport_tfjs.dialect import STRANGERS
from kexport_tfjs.emit.table import FUSED
from kexport_tfjs.loops import loop_in_rounds, write_out

MOST_AXES = 6
"""Tensors of more axes are refused by every backend."""
MOST_NORM_AXES = 4

LACKING: tuple[type[Op], ...] = (ops.OneHot, ops.Softsign, ops.SpaceToDepth)
"""Ops that TensorFlow.js lacks, or has wrongly."""


@rule(ops.BatchNorm)
def large_batch_norm(node: Node, rewriter: Rewriter) -> Replacement:
    """There is none for more than four axes."""
    if node.output.type.rank <= MOST_NORM_AXES:
        return None
    return DECOMPOSE[ops.BatchNorm].function(node, rewriter)


@rule(ops.Prelu)
def prelu_of_positions(node: Node, rewriter: Rewriter) -> Replacement:
    """The wasm backend takes alpha for one number a channel, whatever its shape."""
    x, alpha = node.inputs
    if alpha.type.numel == alpha.type.shape[-1:][0] == x.type.shape[-1]:
        return None
    return DECOMPOSE[ops.Prelu].function(node, rewriter)


@rule(ops.Conv, ops.DepthwiseConv)
def windows_with_gaps(node: Node, rewriter: Rewriter) -> Replacement:
    """Padding in numbers where windows are less than a stride: with `SAME` the wasm backend is wrong there."""
    op: Any = node.op
    sizes, window = node.inputs[0].type.shape[1:-1], node.inputs[1].type.shape[:-2]
    if op.padding != "same" or all(map(_reaches, window, op.strides, op.dilation)):
        return None
    pads = explicit_pads(sizes, window, op.strides, op.dilation, op.padding)
    if not any(isinstance(d, SymDim) for d in sizes):
        return rewriter.add(replace(op, padding=pads), *node.inputs)
    spans = tuple(map(extent, window, op.dilation))
    wide = ((0, 0), *((low, n - 1) for (low, _), n in zip(pads, spans, strict=True)), (0, 0))
    x = rewriter.add(ops.Pad(wide), node.inputs[0])
    reached = ((out - 1) * s + n for out, s, n in zip(node.output.type.shape[1:-1], op.strides, spans, strict=True))
    end = (x.type.shape[0], *reached, x.type.shape[-1])
    x = rewriter.add(ops.Slice((0,) * len(end), end, (1,) * len(end)), x)
    return rewriter.add(replace(op, padding="valid"), x, *node.inputs[1:])


def _reaches(window: Dim, stride: int, dilation: int) -> bool:
    return isinstance(window, int) and extent(window, dilation) >= stride


@rule(ops.MaxPool)
def pool_of_volume(node: Node, rewriter: Rewriter) -> Replacement:
    """Rows and columns first, then depth: the wasm backend's pool over three axes is wrong."""
    op: Any = node.op
    (x,) = node.inputs
    if len(op.window) != 3 or not isinstance(op.padding, str):
        return None
    batch, depth, height, width, channels = x.type.shape
    flat = rewriter.add(ops.Reshape((batch * depth, height, width, channels)), x)
    flat = rewriter.add(ops.MaxPool(op.window[1:], op.strides[1:], op.padding), flat)
    _, rows, columns, _ = flat.type.shape
    tall = rewriter.add(ops.Reshape((batch, depth, rows * columns, channels)), flat)
    tall = rewriter.add(ops.MaxPool((op.window[0], 1), (op.strides[0], 1), op.padding), tall)
    return rewriter.add(ops.Reshape(node.output.type.shape), tall)


@rule(ops.MatMul)
def batches_that_repeat(node: Node, rewriter: Rewriter) -> Replacement:
    """Backends repeat the smaller batch as a whole: right only where its axes are the last ones of the larger."""
    batch = node.output.type.shape[:-2]
    operands = [_repeated(rewriter, v, batch) for v in node.inputs]
    return None if operands == list(node.inputs) else rewriter.add(node.op, *operands)


def _repeated(rewriter: Rewriter, x: Value, batch: tuple[Dim, ...]) -> Value:
    own = list(x.type.shape[:-2])
    while own and own[0] == 1:
        own.pop(0)
    if own == list(batch[len(batch) - len(own) :]):
        return x
    return rewriter.add(ops.BroadcastTo((*batch, *x.type.shape[-2:])), x)


@rule(ops.Gather)
def gather_of_batches(node: Node, rewriter: Rewriter) -> Replacement:
    """All batches as one, with indices to match: the wasm backend's gather from batches is wrong."""
    op: Any = node.op
    x, indices = node.inputs
    rank, batch = x.type.rank, op.batch_dims
    axis = op.axis % rank
    if not batch:
        return None
    between = axis - batch
    if between:
        x = rewriter.add(ops.Transpose((*range(batch), axis, *range(batch, axis), *range(axis + 1, rank))), x)
    count, size, rest = product(x.type.shape[:batch]), x.type.shape[batch], x.type.shape[batch + 1 :]
    folded = rewriter.add(ops.Reshape((count * size, *rest)), x)
    places = rewriter.add(ops.Reshape((count, product(indices.type.shape[batch:]))), indices)
    starts = rewriter.add(ops.Reshape((count, 1)), _starts(rewriter, count, size, indices.type.dtype))
    found = rewriter.add(ops.Gather(0), folded, rewriter.add(ops.Add(), places, starts))
    y = rewriter.add(ops.Reshape((*indices.type.shape, *rest)), found)
    many = indices.type.rank - batch
    front = [*range(batch), *range(batch + many, batch + many + between), *range(batch, batch + many)]
    return rewriter.add(ops.Transpose((*front, *range(len(front), y.type.rank))), y) if between else y


def _starts(rewriter: Rewriter, count: Dim, size: Dim, dtype: DType) -> Value:
    """Where each batch begins."""
    if not isinstance(size, SymDim):
        return rewriter.add(ops.Iota(count, dtype, 0, size))
    return rewriter.add(ops.Mul(), rewriter.add(ops.Iota(count, dtype)), rewriter.add(ops.Dims((size,), dtype)))


RULES: tuple[Rule, ...] = (
    large_batch_norm, prelu_of_positions, windows_with_gaps, pool_of_volume, batches_that_repeat, gather_of_batches,
    volume_as_conv, write_out, loop_in_rounds, hash_narrow_number, DECOMPOSE[ops.FloorDiv],
)  # fmt: skip
"""Floats are divided and then rounded down: the plain JavaScript backend's FloorDiv gives 0 for infinities."""


def legalize(graph: Graph) -> None:
    """Edit `graph` in place.

    Raises:
        UnsupportedError: element types, scatters or tensors that TensorFlow.js does not have.
    """
    fuse_activation(FUSED).run(graph)
    legalize_forms(graph, STRANGERS, LACKING, RULES)
    items = [Unsupported(n.origin, n.op.name, why) for n in all_nodes(graph) if (why := _obstacle(n))]
    if items:
        raise UnsupportedError(items)


def _obstacle(node: Node) -> str | None:
    op: Any = node.op
    if isinstance(op, ops.ScatterNd) and op.reduction in ("max", "min"):
        return f"TensorFlow.js cannot scatter the {op.reduction}imum"
    largest = max((v.type.rank for v in (*node.inputs, *node.outputs)), default=0)
    return f"TensorFlow.js has tensors of up to {MOST_AXES} axes, not {largest}" if largest > MOST_AXES else None
