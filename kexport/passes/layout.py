"""Moves of elements that cancel, meet, or move nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from kexport import ops
from kexport.ir.dim import Dim, SymDim, bounds
from kexport.ir.graph import Node
from kexport.ir.op import Op
from kexport.ops.elementwise import Unary
from kexport.ops.pool import Pool
from kexport.ops.reduce import Reduce
from kexport.rewrite import Rewriter, RulePass, Skip, rule
from kexport.rewrite.match import axes_of, fits, is_single, made_by
from kexport.rewrite.rule import Replacement

# --- moves that move nothing


@rule(ops.Reshape, ops.BroadcastTo, ops.Tile, ops.Pad, ops.Resize)
def to_the_same_shape(
    op: ops.Reshape | ops.BroadcastTo | ops.Tile | ops.Pad | ops.Resize, node: Node, rewriter: Rewriter
) -> Replacement:
    """A reshape to the shape that x has is x; likewise a pad by nothing, a tile by 1."""
    (x,) = node.inputs
    return x if x.type == node.output.type else None


@rule(ops.Slice)
def slice_of_everything(op: ops.Slice, node: Node, rewriter: Rewriter) -> Replacement:
    """A slice from the first to the last element is x."""
    (x,) = node.inputs
    return x if x.type == node.output.type and not any(isinstance(b, SymDim) or b for b in op.begin) else None


@rule(ops.Transpose, ops.Reverse, ops.Concat, ops.Split, Pool, ops.DepthToSpace, ops.SpaceToDepth)
def nothing_to_do(
    op: ops.Transpose | ops.Reverse | ops.Concat | ops.Split | Pool | ops.DepthToSpace | ops.SpaceToDepth,
    node: Node,
    rewriter: Rewriter,
) -> Replacement:
    """A transpose of no axes, a reverse of axes of size 1, a concat of one, a pool of single elements is x."""
    x, *rest = node.inputs
    match op:
        case ops.Transpose(perm=perm):
            idle = perm == tuple(range(len(perm)))
        case ops.Reverse(axes=axes):
            idle = all(x.type.shape[a] == 1 for a in axes)
        case ops.Concat():
            idle = not rest
        case ops.Split(sizes=sizes):
            idle = len(sizes) == 1
        case ops.DepthToSpace(block=block) | ops.SpaceToDepth(block=block):
            idle = block == 1
        case _:
            idle = {*op.window, *op.strides} == {1} and x.type == node.output.type
    return x if idle else None


@rule(ops.Concat)
def concat_of_empty(op: ops.Concat, node: Node, rewriter: Rewriter) -> Replacement:
    """Operands without elements are left out."""
    kept = [v for v in node.inputs if v.type.shape[op.axis] != 0]
    return rewriter.add(op, *kept) if 0 < len(kept) < len(node.inputs) else None


@rule(ops.Transpose)
def transpose_of_ones(op: ops.Transpose, node: Node, rewriter: Rewriter) -> Replacement:
    """A transpose that moves only axes of size 1 is a reshape."""
    (x,) = node.inputs
    moved = [p for p in op.perm if x.type.shape[p] != 1]
    return rewriter.add(ops.Reshape(node.output.type.shape), x) if moved == sorted(moved) else None


@rule(ops.Tile)
def tile_of_ones(op: ops.Tile, node: Node, rewriter: Rewriter) -> Replacement:
    """A tile along axes of size 1 is a broadcast, which many ops do by themselves."""
    (x,) = node.inputs
    if any(rep != 1 and size != 1 for rep, size in zip(op.reps, x.type.shape, strict=True)):
        return None
    return rewriter.add(ops.BroadcastTo(node.output.type.shape), x)


# --- two moves that are one


@rule(ops.Reshape, ops.BroadcastTo)
def only_the_last_shape_counts(op: ops.Reshape | ops.BroadcastTo, node: Node, rewriter: Rewriter) -> Replacement:
    """reshape(reshape(x)) is one reshape; likewise broadcast_to."""
    inner = made_by(node.inputs[0], type(op))
    return rewriter.add(op, inner.inputs[0]) if inner else None


@rule(ops.BroadcastTo)
def broadcast_of_new_axes(op: ops.BroadcastTo, node: Node, rewriter: Rewriter) -> Replacement:
    """A broadcast puts axes of size 1 in front by itself."""
    inner = made_by(node.inputs[0], ops.Reshape)
    if inner is None:
        return None
    old = inner.inputs[0].type.shape
    new = inner.output.type.shape
    if new != (1,) * (len(new) - len(old)) + old:
        return None
    return rewriter.add(op, inner.inputs[0])


@rule(ops.Transpose)
def transpose_of_transpose(outer: ops.Transpose, node: Node, rewriter: Rewriter) -> Replacement:
    """Two transposes are one."""
    inner = made_by(node.inputs[0], ops.Transpose)
    if inner is None:
        return None
    op: Any = inner.op
    return rewriter.add(ops.Transpose(tuple(op.perm[p] for p in outer.perm)), inner.inputs[0])


@rule(ops.Reverse)
def reverse_of_reverse(op: ops.Reverse, node: Node, rewriter: Rewriter) -> Replacement:
    """Axes reversed twice are as they were."""
    inner = made_by(node.inputs[0], ops.Reverse)
    if inner is None:
        return None
    axes = set(axes_of(node)) ^ set(axes_of(inner))
    return rewriter.add(ops.Reverse(tuple(sorted(axes))), inner.inputs[0]) if axes else inner.inputs[0]


@rule(ops.Tile)
def tile_of_tile(op: ops.Tile, node: Node, rewriter: Rewriter) -> Replacement:
    """Repetitions multiply."""
    inner = made_by(node.inputs[0], ops.Tile)
    if inner is None:
        return None
    a, b = (cast(ops.Tile, n.op).reps for n in (node, inner))
    return rewriter.add(ops.Tile(tuple(x * y for x, y in zip(a, b, strict=True))), inner.inputs[0])


@rule(ops.Pad)
def pad_of_pad(outer: ops.Pad, node: Node, rewriter: Rewriter) -> Replacement:
    """Two pads by the same constant are one."""
    inner = made_by(node.inputs[0], ops.Pad)
    if inner is None or replace(outer, pads=()) != replace(inner.op, pads=()) or outer.mode != "constant":
        return None
    if not rewriter.only_use(node.inputs[0]):
        return Skip("the inner pad is used elsewhere")
    op: Any = inner.op
    pads = tuple((a + c, b + d) for (a, b), (c, d) in zip(outer.pads, op.pads, strict=True))
    return rewriter.add(replace(outer, pads=pads), inner.inputs[0])


@rule(ops.Slice)
def slice_of_slice(outer: ops.Slice, node: Node, rewriter: Rewriter) -> Replacement:
    """A slice of a slice is one slice."""
    inner = made_by(node.inputs[0], ops.Slice)
    if inner is None:
        return None
    op: Any = inner.op
    begin = tuple(b + low * s for b, low, s in zip(op.begin, outer.begin, op.strides, strict=True))
    strides = tuple(s * t for s, t in zip(op.strides, outer.strides, strict=True))
    end: list[Dim] = []
    for axis, size in enumerate(node.output.type.shape):
        if op.strides[axis] == 1:
            end.append(op.begin[axis] + outer.end[axis])
        elif bounds(size)[0] >= 1:
            end.append(begin[axis] + (size - 1) * strides[axis] + 1)
        else:
            return Skip("a slice with strides may be empty")
    merged = ops.Slice(begin, tuple(end), strides)
    return rewriter.add(merged, inner.inputs[0]) if fits(node, merged, inner.inputs[0]) else None


@rule(ops.Concat)
def concat_of_split(op: ops.Concat, node: Node, rewriter: Rewriter) -> Replacement:
    """All pieces of a split, in order, are what was split."""
    split = made_by(node.inputs[0], ops.Split)
    if split is None or split.outputs != node.inputs:
        return None
    return split.inputs[0] if axes_of(node) == axes_of(split) else None


@rule(ops.Split)
def split_of_concat(op: ops.Split, node: Node, rewriter: Rewriter) -> Replacement:
    """Pieces that were just joined."""
    concat = made_by(node.inputs[0], ops.Concat)
    if concat is None or axes_of(node) != axes_of(concat):
        return None
    (axis,) = axes_of(node)
    return concat.inputs if [v.type.shape[axis] for v in concat.inputs] == [*op.sizes] else None


@rule(ops.DepthToSpace, ops.SpaceToDepth)
def depth_to_space_and_back(op: ops.DepthToSpace | ops.SpaceToDepth, node: Node, rewriter: Rewriter) -> Replacement:
    """Blocks that go into channels and come out again."""
    opposite = ops.SpaceToDepth if isinstance(op, ops.DepthToSpace) else ops.DepthToSpace
    inner = made_by(node.inputs[0], opposite)
    if inner is None or inner.op.attributes() != op.attributes():
        return None
    return inner.inputs[0] if inner.inputs[0].type == node.output.type else None


@rule(ops.Reshape, ops.BroadcastTo, ops.Transpose, ops.Slice, ops.Tile, ops.Reverse)
def move_of_full(
    op: ops.Reshape | ops.BroadcastTo | ops.Transpose | ops.Slice | ops.Tile | ops.Reverse,
    node: Node,
    rewriter: Rewriter,
) -> Replacement:
    """One number everywhere stays so."""
    inner = made_by(node.inputs[0], ops.Full)
    type = node.output.type
    if inner is None:
        return None
    return rewriter.add(ops.Full(type.shape, inner.op.attributes()["value"], type.dtype))


# --- reshapes around other ops


@rule(ops.Reshape)
def reshape_of_reduction(op: ops.Reshape, node: Node, rewriter: Rewriter) -> Replacement:
    """A reshape that drops reduced axes, or brings them back, is the reduction's own business."""
    (x,) = node.inputs
    inner = x.producer
    keeps = inner.op.attributes().get("keepdims") if inner else None
    if inner is None or not isinstance(keeps, bool) or not is_single(x):
        return None
    other = replace(cast(Reduce, inner.op), keepdims=not keeps)
    if not fits(node, other, *inner.inputs):
        return None
    return rewriter.add(other, *inner.inputs, origin=inner.origin)


@rule(ops.Reshape)
def reshapes_around(op: ops.Reshape, node: Node, rewriter: Rewriter) -> Replacement:
    """Axes folded into one before elementwise ops and dense layers, and unfolded after, need not be folded."""
    chain: list[Node] = []
    value = node.inputs[0]
    while is_single(value) and (maker := value.producer) and _keeps_rows(maker):
        chain.append(maker)
        value = maker.inputs[0]
    fold = made_by(value, ops.Reshape)
    if fold is None or not chain:
        return None
    x = fold.inputs[0]
    folded = fold.output.type.shape
    result = node.inputs[0].type.shape
    if any(n.op.traits.rowwise for n in chain):
        fitting = x.type.rank > 0 and len(folded) > 0 and x.type.shape[-1] == folded[-1]
        fitting = fitting and node.output.type.shape == (*x.type.shape[:-1], result[-1])
    else:
        fitting = node.output.type.shape == x.type.shape
    if not fitting:
        return None
    for inner in reversed(chain):
        x = rewriter.add(_on_last_axis(inner.op), x, *inner.inputs[1:], origin=inner.origin)
    return x


def _keeps_rows(node: Node) -> bool:
    if isinstance(node.op, ops.Dense):
        return True
    if node.op.traits.rowwise:
        return axes_of(node) == (node.output.type.rank - 1,)
    return isinstance(node.op, (Unary, ops.Cast))


def _on_last_axis(op: Op) -> Op:
    """The op with its axis counted from the back."""
    if isinstance(op, (ops.LayerNorm, ops.RmsNorm)):
        return replace(op, axes=(-1,))
    return replace(op, axis=-1) if isinstance(op, (ops.Softmax, ops.LogSoftmax)) else op


PASS = RulePass(
    "layout",
    (
        to_the_same_shape, slice_of_everything, nothing_to_do, concat_of_empty, transpose_of_ones, tile_of_ones,
        only_the_last_shape_counts, broadcast_of_new_axes, transpose_of_transpose, reverse_of_reverse, tile_of_tile,
        pad_of_pad, slice_of_slice, concat_of_split, split_of_concat, depth_to_space_and_back, move_of_full,
        reshape_of_reduction, reshapes_around,
    ),
)  # fmt: skip
