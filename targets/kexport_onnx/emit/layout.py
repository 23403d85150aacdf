"""Ops that move elements."""

from __future__ import annotations

from collections.abc import Sequence

from kexport import ops
from kexport.ir.dim import Dim, SymDim
from kexport.ir.graph import Node
from kexport_onnx.context import Context
from kexport_onnx.emit.table import EMIT
from kexport_onnx.refs import Ref

_Grown = Sequence[tuple[int, tuple[Dim, Dim]]]
"""Axes that grow, with what comes at the low and the high end."""
_BEFORE_FIRST = -(2**63)
"""Where a slice that runs backwards ends to take the first element too."""


@EMIT.emits(ops.Reshape)
def reshape(e: Context, op: ops.Reshape, node: Node) -> Ref:
    """Of a constant nothing but the header changes. Sizes: 0 copies the operand's, one may be -1, else computed."""
    (value,) = node.inputs
    shape = node.output.type.shape
    if value.data is not None and node.output.type.is_static:
        return e.weight(value, shape=shape)  # type: ignore[arg-type]
    return e.op("Reshape", e.ref(value), _target(e, value.type.shape, shape))


def _target(e: Context, old: Sequence[Dim], new: Sequence[Dim]) -> Ref:
    if 0 in new:
        return e.dims(new)
    sizes: list[Dim] = [0 if isinstance(d, SymDim) and i < len(old) and old[i] == d else d for i, d in enumerate(new)]
    open_axes = [i for i, d in enumerate(sizes) if isinstance(d, SymDim)]
    if len(open_axes) > 1:
        return e.dims(new)
    return e.dims([-1 if i in open_axes else d for i, d in enumerate(sizes)])


@EMIT.emits(ops.Transpose)
def transpose(e: Context, op: ops.Transpose, node: Node) -> Ref:
    return e.parameter(node.inputs[0], op.perm)


@EMIT.emits(ops.Concat)
def concat(e: Context, op: ops.Concat, node: Node) -> Ref:
    return e.op("Concat", *e.refs(node), axis=op.axis % node.output.type.rank)


@EMIT.emits(ops.Split)
def split(e: Context, op: ops.Split, node: Node) -> tuple[Ref, ...]:
    axis = op.axis % node.inputs[0].type.rank
    if len(op.sizes) == 1:
        return e.refs(node)
    return e.op_all("Split", *e.refs(node), e.dims(op.sizes), dtypes=(None,) * len(op.sizes), axis=axis)


@EMIT.emits(ops.Slice)
def slice_(e: Context, op: ops.Slice, node: Node) -> Ref:
    shape = node.inputs[0].type.shape
    every = enumerate(zip(op.begin, op.end, op.strides, shape, strict=True))
    cut = [(i, b, end, s) for i, (b, end, s, size) in every if (b, end, s) != (0, size, 1)]
    if not cut:
        return e.ref(node.inputs[0])
    axes, begin, end, strides = zip(*cut, strict=True)
    steps = e.ints(strides) if set(strides) != {1} else None
    return e.op("Slice", e.ref(node.inputs[0]), e.dims(begin), e.dims(end), e.ints(axes), steps)


@EMIT.emits(ops.Reverse)
def reverse(e: Context, op: ops.Reverse, node: Node) -> Ref:
    axes = [a % node.output.type.rank for a in op.axes]
    return _backwards(e, e.ref(node.inputs[0]), axes, [-1] * len(axes), [_BEFORE_FIRST] * len(axes))


def _backwards(e: Context, x: Ref, axes: Sequence[int], begin: Sequence[Dim], end: Sequence[Dim]) -> Ref:
    return e.op("Slice", x, e.dims(begin), e.dims(end), e.ints(axes), e.ints([-1] * len(axes)))


@EMIT.emits(ops.Pad)
def pad(e: Context, op: ops.Pad, node: Node) -> Ref:
    """Only the axes that grow are named. That also keeps ONNX Runtime from merging zeros into a MaxPool, wrongly."""
    x = e.ref(node.inputs[0])
    grown = [(i, pair) for i, pair in enumerate(op.pads) if pair != (0, 0)]
    if not grown:
        return x
    if op.mode == "symmetric":
        return _mirror(e, x, grown)
    if op.mode == "constant":
        return pad_around(e, x, grown, op.value)
    return pad_around(e, x, grown, None, op.mode)


def pad_around(e: Context, x: Ref, grown: _Grown, value: float | None, mode: str | None = None) -> Ref:
    """x with more elements along some axes, of one value or in another mode."""
    pads = [*(low for _, (low, _) in grown), *(high for _, (_, high) in grown)]
    filled = None if value is None else e.const(value, x.dtype)
    return e.op("Pad", x, e.dims(pads), filled, e.ints([i for i, _ in grown]), mode=mode)


def _mirror(e: Context, x: Ref, grown: _Grown) -> Ref:
    """Padding that repeats the border, which ONNX lacks: the ends, backwards, on both sides."""
    for axis, (low, high) in grown:
        parts = [x]
        if low != 0:
            parts.insert(0, _backwards(e, x, [axis], [low - 1], [_BEFORE_FIRST]))
        if high != 0:
            parts.append(_backwards(e, x, [axis], [-1], [-high - 1]))
        x = e.op("Concat", *parts, axis=axis)
    return x


@EMIT.emits(ops.Tile)
def tile(e: Context, op: ops.Tile, node: Node) -> Ref:
    return e.op("Tile", *e.refs(node), e.dims(op.reps))


@EMIT.emits(ops.BroadcastTo)
def broadcast_to(e: Context, op: ops.BroadcastTo, node: Node) -> Ref:
    return e.op("Expand", *e.refs(node), e.dims(op.shape))


@EMIT.emits(ops.DepthToSpace, ops.SpaceToDepth)
def blocks(e: Context, op: ops.DepthToSpace | ops.SpaceToDepth, node: Node) -> Ref:
    """Channels first. ONNX's default order of channels (DCR) is that of TensorFlow."""
    return e.op(type(op).__name__, *e.refs(node), blocksize=op.block)
