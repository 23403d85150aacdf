"""Ops that move elements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kexport import ops
from kexport.ir.dim import Dim, SymDim
from kexport.ir.graph import Node
from kexport_shared.graphdef.context import Context
from kexport_shared.graphdef.nodes import Ref
from kexport_shared.graphdef.table import COMMON


@COMMON.emits(ops.Reshape)
def reshape(e: Context, op: ops.Reshape, node: Node) -> Ref:
    """Of a constant nothing but the shape changes. Axes of size 1 come and go without computing sizes."""
    (value,) = node.inputs
    old = value.type.shape
    new = node.output.type.shape
    if value.data is not None and node.output.type.is_static:
        return e.weight(value, shape=new)  # type: ignore[arg-type]
    x = e.ref(value)
    if sum(isinstance(d, SymDim) for d in new) < 2 or [d for d in old if d != 1] != [d for d in new if d != 1]:
        return e.reshape(x, new)
    return _with_ones(e, _without_ones(e, x, old), new)


def _without_ones(e: Context, x: Ref, shape: Sequence[Dim]) -> Ref:
    ones = [i for i, d in enumerate(shape) if d == 1]
    return e.op("Squeeze", x, squeeze_dims=ones) if ones else x


def _with_ones(e: Context, x: Ref, shape: Sequence[Dim]) -> Ref:
    for axis, d in enumerate(shape):
        if d == 1:
            x = e.op("ExpandDims", x, e.scalar(axis))
    return x


@COMMON.emits(ops.Transpose)
def transpose(e: Context, op: ops.Transpose, node: Node) -> Ref:
    return e.parameter(node.inputs[0], op.perm)


@COMMON.emits(ops.Concat)
def concat(e: Context, op: ops.Concat, node: Node) -> Ref:
    parts = e.refs(node)
    if len(parts) == 1:
        return parts[0]
    return e.op("ConcatV2", *parts, e.scalar(op.axis % node.output.type.rank), N=len(parts))


@COMMON.emits(ops.Split)
def split(e: Context, op: ops.Split, node: Node) -> Any:
    """The one open size is -1, but for the first: TensorFlow.js counts a -1 that comes first."""
    axis = e.scalar(op.axis % node.inputs[0].type.rank)
    (x,) = e.refs(node)
    count = len(op.sizes)
    if count == 1:
        return x
    if len(set(op.sizes)) == 1:
        return e.op_all("Split", axis, x, dtypes=(None,) * count, main=1, num_split=count)
    open_sizes = [i for i, d in enumerate(op.sizes) if isinstance(d, SymDim)]
    sizes = [-1 if i and open_sizes == [i] else d for i, d in enumerate(op.sizes)]
    return e.op_all("SplitV", x, e.dims(sizes), axis, dtypes=(None,) * count, num_split=count)


@COMMON.emits(ops.Slice)
def slice_(e: Context, op: ops.Slice, node: Node) -> Ref:
    """Ends that are those of the axis are masked, so that no sizes have to be computed."""
    shape = node.inputs[0].type.shape
    whole = [end == size for end, size in zip(op.end, shape, strict=True)]
    if all(whole) and not any(isinstance(b, SymDim) or b for b in op.begin) and set(op.strides) <= {1}:
        return e.ref(node.inputs[0])
    begin = [0 if b == 0 else b for b in op.begin]
    end: list[Dim] = [0 if w else d for w, d in zip(whole, op.end, strict=True)]
    return e.op(
        "StridedSlice",
        e.ref(node.inputs[0]),
        e.dims(begin),
        e.dims(end),
        e.ints(op.strides),
        begin_mask=_mask(b == 0 for b in begin),
        end_mask=_mask(whole),
        ellipsis_mask=0,
        new_axis_mask=0,
        shrink_axis_mask=0,
    )


def _mask(bits: Any) -> int:
    return sum(1 << i for i, bit in enumerate(bits) if bit)


@COMMON.emits(ops.Reverse)
def reverse(e: Context, op: ops.Reverse, node: Node) -> Ref:
    return e.op("ReverseV2", *e.refs(node), e.ints(sorted(a % node.output.type.rank for a in op.axes)))


@COMMON.emits(ops.Pad)
def pad(e: Context, op: ops.Pad, node: Node) -> Ref:
    (x,) = e.refs(node)
    if all(p == (0, 0) for p in op.pads):
        return x
    if op.mode == "edge":
        return _edge(e, x, op, node.inputs[0].type.shape)
    flat = [d for pair in op.pads for d in pair]
    pads = e.dims(flat)
    table = e.op("Reshape", pads, e.ints([len(op.pads), 2]))
    if not any(isinstance(d, SymDim) for d in flat):
        table = e.const([list(pair) for pair in op.pads], pads.dtype, "pads")
    if op.mode == "constant":
        return e.op("PadV2", x, table, e.const(op.value, x.dtype))
    return e.op("MirrorPad", x, table, mode=op.mode.upper())


def _edge(e: Context, x: Ref, op: ops.Pad, shape: Sequence[Dim]) -> Ref:
    """The border, repeated, on both sides."""
    sizes = list(shape)
    for axis, (low, high) in enumerate(op.pads):
        if (low, high) == (0, 0):
            continue
        parts = [_border(e, x, axis, sizes, low, first=True), x, _border(e, x, axis, sizes, high, first=False)]
        kept = [p for p, count in zip(parts, (low, 1, high), strict=True) if p is not None and count != 0]
        x = e.op("ConcatV2", *kept, e.scalar(axis), N=len(kept))  # type: ignore[arg-type]
        sizes[axis] = low + sizes[axis] + high
    return x


def _border(e: Context, x: Ref, axis: int, sizes: Sequence[Dim], count: Dim, first: bool) -> Ref | None:
    if count == 0:
        return None
    rank = len(sizes)
    begin = [0] * rank
    end = [0] * rank
    begin[axis], end[axis] = (0, 1) if first else (-1, 0)
    others = _mask(i != axis for i in range(rank))
    line = e.op(
        "StridedSlice",
        x,
        e.ints(begin),
        e.ints(end),
        e.ints([1] * rank),
        begin_mask=others,
        end_mask=others if first else others | 1 << axis,
        ellipsis_mask=0,
        new_axis_mask=0,
        shrink_axis_mask=0,
    )
    return e.op("Tile", line, e.dims([count if i == axis else 1 for i in range(rank)]))


@COMMON.emits(ops.Tile)
def tile(e: Context, op: ops.Tile, node: Node) -> Ref:
    return e.op("Tile", *e.refs(node), e.dims(op.reps))


@COMMON.emits(ops.BroadcastTo)
def broadcast_to(e: Context, op: ops.BroadcastTo, node: Node) -> Ref:
    return e.op("BroadcastTo", *e.refs(node), e.dims(op.shape))


@COMMON.emits(ops.DepthToSpace)
def depth_to_space(e: Context, op: ops.DepthToSpace, node: Node) -> Ref:
    (x,) = e.refs(node)
    return x if op.block == 1 else e.op("DepthToSpace", x, block_size=op.block, data_format="NHWC")
