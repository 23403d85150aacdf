"""Ops that move elements."""

from __future__ import annotations

from kexport import ops
from kexport.ir.dim import Dim, SymDim
from kexport.ir.graph import Node
from kexport_tflite.context import Context
from kexport_tflite.emit.table import EMIT

MIRRORS = {"reflect": "REFLECT", "symmetric": "SYMMETRIC"}


@EMIT(ops.Reshape)
def reshape(context: Context, node: Node) -> None:
    """RESHAPE, which XNNPACK takes where EXPAND_DIMS and SQUEEZE are refused."""
    context.reshape(context.tensor(node.inputs[0]), context.tensor(node.output), node.output.type.shape)


@EMIT(ops.Transpose)
def transpose(context: Context, node: Node) -> None:
    """The permutation is an operand."""
    assert isinstance(node.op, ops.Transpose)
    context.emit("TRANSPOSE", node, context.tensor(node.inputs[0]), context.ints(node.op.perm))


@EMIT(ops.Concat)
def concat(context: Context, node: Node) -> None:
    """Legalize leaves at most five operands."""
    assert isinstance(node.op, ops.Concat)
    context.emit("CONCATENATION", node, axis=node.op.axis % node.output.type.rank)


@EMIT(ops.Split)
def split(context: Context, node: Node) -> None:
    """Equal pieces; legalize makes slices of others."""
    op, (x,) = node.op, node.inputs
    assert isinstance(op, ops.Split)
    axis = context.ints(op.axis % x.type.rank)
    context.emit("SPLIT", node, axis, context.tensor(x), num_splits=len(node.outputs))


@EMIT(ops.Slice)
def slice_(context: Context, node: Node) -> None:
    """STRIDED_SLICE; masks stand for whole axes, so that dynamic ones need no sizes."""
    op, (x,) = node.op, node.inputs
    assert isinstance(op, ops.Slice)
    sizes = x.type.shape
    begin_mask = sum(1 << i for i, b in enumerate(op.begin) if b == 0)
    end_mask = sum(1 << i for i, (e, d) in enumerate(zip(op.end, sizes, strict=True)) if e == d)
    bounds = [[_from_end(b, d) for b, d in zip(places, sizes, strict=True)] for places in (op.begin, op.end)]
    operands = [*map(context.dims, bounds), context.ints(op.strides)]
    context.emit("STRIDED_SLICE", node, context.tensor(x), *operands, begin_mask=begin_mask, end_mask=end_mask)


def _from_end(place: Dim, size: Dim) -> Dim:
    """A number counted from the end where only that is fixed; 0 for the end itself, which the mask stands for."""
    from_end = place - size
    if from_end == 0:
        return 0
    return from_end if isinstance(place, SymDim) and isinstance(from_end, int) else place


@EMIT(ops.Reverse)
def reverse(context: Context, node: Node) -> None:
    """One axis; legalize chains several."""
    op, (x,) = node.op, node.inputs
    assert isinstance(op, ops.Reverse)
    context.emit("REVERSE_V2", node, context.tensor(x), context.ints([a % x.type.rank for a in op.axes]))


@EMIT(ops.Pad)
def pad(context: Context, node: Node) -> None:
    """PAD with zeros, PADV2 with another value, MIRROR_PAD."""
    op, (x,) = node.op, node.inputs
    assert isinstance(op, ops.Pad)
    pads = context.pairs(op.pads)
    if op.mode in MIRRORS:
        context.emit("MIRROR_PAD", node, context.tensor(x), pads, mode=MIRRORS[op.mode])
    elif op.value == 0:
        context.emit("PAD", node, context.tensor(x), pads)
    else:
        context.emit("PADV2", node, context.tensor(x), pads, context.scalar(op.value, x.type.dtype))


@EMIT(ops.Tile)
def tile(context: Context, node: Node) -> None:
    """The repetitions are an operand."""
    assert isinstance(node.op, ops.Tile)
    context.emit("TILE", node, context.tensor(node.inputs[0]), context.dims(node.op.reps))


@EMIT(ops.BroadcastTo)
def broadcast_to(context: Context, node: Node) -> None:
    """The shape is an operand."""
    context.emit("BROADCAST_TO", node, context.tensor(node.inputs[0]), context.dims(node.output.type.shape))


@EMIT(ops.DepthToSpace)
def depth_to_space(context: Context, node: Node) -> None:
    """The same order of channels."""
    assert isinstance(node.op, ops.DepthToSpace)
    context.emit("DEPTH_TO_SPACE", node, block_size=node.op.block)


@EMIT(ops.SpaceToDepth)
def space_to_depth(context: Context, node: Node) -> None:
    """The same order of channels."""
    assert isinstance(node.op, ops.SpaceToDepth)
    context.emit("SPACE_TO_DEPTH", node, block_size=node.op.block)
