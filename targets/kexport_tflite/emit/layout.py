"""Ops that move elements."""

from __future__ import annotations

from kexport import ops
from kexport.ir.dim import Dim, SymDim
from kexport.ir.graph import Node
from kexport_tflite.context import Context
from kexport_tflite.emit.table import EMIT

MIRRORS = {"reflect": "REFLECT", "symmetric": "SYMMETRIC"}


@EMIT(ops.Reshape)
def reshape(e: Context, op: ops.Reshape, node: Node) -> None:
    """RESHAPE, which XNNPACK takes where EXPAND_DIMS and SQUEEZE are refused."""
    e.reshape(e.tensor(node.inputs[0]), e.tensor(node.output), node.output.type.shape)


@EMIT(ops.Transpose)
def transpose(e: Context, op: ops.Transpose, node: Node) -> None:
    """The permutation is an operand."""
    e.emit("TRANSPOSE", node, e.tensor(node.inputs[0]), e.ints(op.perm))


@EMIT(ops.Concat)
def concat(e: Context, op: ops.Concat, node: Node) -> None:
    """Legalize leaves at most five operands."""
    e.emit("CONCATENATION", node, axis=op.axis % node.output.type.rank)


@EMIT(ops.Split)
def split(e: Context, op: ops.Split, node: Node) -> None:
    """Equal pieces; legalize makes slices of others."""
    (x,) = node.inputs
    axis = e.ints(op.axis % x.type.rank)
    e.emit("SPLIT", node, axis, e.tensor(x), num_splits=len(node.outputs))


@EMIT(ops.Slice)
def slice_(e: Context, op: ops.Slice, node: Node) -> None:
    """STRIDED_SLICE; masks stand for whole axes, so that dynamic ones need no sizes."""
    (x,) = node.inputs
    sizes = x.type.shape
    begin_mask = sum(1 << i for i, b in enumerate(op.begin) if b == 0)
    end_mask = sum(1 << i for i, (e, d) in enumerate(zip(op.end, sizes, strict=True)) if e == d)
    bounds = [[_from_end(b, d) for b, d in zip(places, sizes, strict=True)] for places in (op.begin, op.end)]
    operands = [*map(e.dims, bounds), e.ints(op.strides)]
    e.emit("STRIDED_SLICE", node, e.tensor(x), *operands, begin_mask=begin_mask, end_mask=end_mask)


def _from_end(place: Dim, size: Dim) -> Dim:
    """A number counted from the end where only that is fixed; 0 for the end itself, which the mask stands for."""
    from_end = place - size
    if from_end == 0:
        return 0
    return from_end if isinstance(place, SymDim) and isinstance(from_end, int) else place


@EMIT(ops.Reverse)
def reverse(e: Context, op: ops.Reverse, node: Node) -> None:
    """One axis; legalize chains several."""
    (x,) = node.inputs
    e.emit("REVERSE_V2", node, e.tensor(x), e.ints([a % x.type.rank for a in op.axes]))


@EMIT(ops.Pad)
def pad(e: Context, op: ops.Pad, node: Node) -> None:
    """PAD with zeros, PADV2 with another value, MIRROR_PAD."""
    (x,) = node.inputs
    pads = e.pairs(op.pads)
    if op.mode in MIRRORS:
        e.emit("MIRROR_PAD", node, e.tensor(x), pads, mode=MIRRORS[op.mode])
    elif op.value == 0:
        e.emit("PAD", node, e.tensor(x), pads)
    else:
        e.emit("PADV2", node, e.tensor(x), pads, e.scalar(op.value, x.type.dtype))


@EMIT(ops.Tile)
def tile(e: Context, op: ops.Tile, node: Node) -> None:
    """The repetitions are an operand."""
    e.emit("TILE", node, e.tensor(node.inputs[0]), e.dims(op.reps))


@EMIT(ops.BroadcastTo)
def broadcast_to(e: Context, op: ops.BroadcastTo, node: Node) -> None:
    """The shape is an operand."""
    e.emit("BROADCAST_TO", node, e.tensor(node.inputs[0]), e.dims(node.output.type.shape))


@EMIT(ops.DepthToSpace)
def depth_to_space(e: Context, op: ops.DepthToSpace, node: Node) -> None:
    """The same order of channels."""
    e.emit("DEPTH_TO_SPACE", node, block_size=op.block)


@EMIT(ops.SpaceToDepth)
def space_to_depth(e: Context, op: ops.SpaceToDepth, node: Node) -> None:
    """The same order of channels."""
    e.emit("SPACE_TO_DEPTH", node, block_size=op.block)
