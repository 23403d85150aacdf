"""Ops that move elements."""

from __future__ import annotations

from collections.abc import Sequence

from kexport import ops
from kexport.ir.dim import Dim, SymDim
from kexport.ir.graph import Node
from kexport.ir.types import DType
from kexport_coreml.context import Context
from kexport_coreml.emit.table import EMIT
from kexport_coreml.refs import Ref

_MODES = {"constant": "constant", "reflect": "reflect", "edge": "replicate"}


@EMIT.emits(ops.Reshape)
def reshape(e: Context, op: ops.Reshape, node: Node) -> Ref:
    """Reshape a constant by its header alone."""
    (value,) = node.inputs
    shape = node.output.type.shape
    if value.data is not None and node.output.type.is_static:
        return e.weight(value.data, value.name, shape=shape)  # type: ignore[arg-type]
    x = e.ref(value)
    if x.rank + 1 == len(shape) or x.rank == len(shape) + 1:
        return _one_axis(e, x, shape) or e.reshape(x, shape)
    return e.reshape(x, shape)


def _one_axis(e: Context, x: Ref, shape: tuple[Dim, ...]) -> Ref | None:
    """An axis of size 1 that comes or goes; no sizes are computed then."""
    longer, shorter = (shape, x.shape) if len(shape) > x.rank else (x.shape, shape)
    for axis, d in enumerate(longer):
        if d == 1 and (*longer[:axis], *longer[axis + 1 :]) == shorter:
            return e.op("expand_dims" if longer is shape else "squeeze", shape=shape, x=x, axes=[axis])
    return None


@EMIT.emits(ops.Transpose)
def transpose(e: Context, op: ops.Transpose, node: Node) -> Ref:
    (value,) = node.inputs
    if value.data is not None:
        return e.weight(value.data, value.name, op.perm)
    return e.op("transpose", shape=node.output.type.shape, x=e.ref(value), perm=list(op.perm))


@EMIT.emits(ops.Concat)
def concat(e: Context, op: ops.Concat, node: Node) -> Ref:
    rank = node.output.type.rank
    return e.op("concat", shape=node.output.type.shape, values=list(e.refs(node)), axis=op.axis % rank)


@EMIT.emits(ops.Split)
def split(e: Context, op: ops.Split, node: Node) -> Ref | tuple[Ref, ...]:
    """Of constant sizes; legalize makes slices of others."""
    (x,) = e.refs(node)
    if len(op.sizes) == 1:
        return x
    results = tuple((None, v.type.shape) for v in node.outputs)
    return e.op_all("split", results, x=x, split_sizes=list(op.sizes), axis=op.axis % x.rank)


@EMIT.emits(ops.Slice)
def slice_(e: Context, op: ops.Slice, node: Node) -> Ref:
    """An axis taken whole is masked, so that its size need not be known; so many elements from a place that depends on
    the size of an input are asked for by their number, without which Core ML would not know it."""
    (x,) = e.refs(node)
    begin = list(op.begin)
    end = list(op.end)
    counted = {} if _is_last(op, x.shape) else _counted(op)
    if counted:
        shape = [counted.get(i, d) for i, d in enumerate(x.shape)]
        first = e.dims([b if i in counted else 0 for i, b in enumerate(begin)])
        x = e.op("slice_by_size", shape=shape, x=x, begin=first, size=[counted.get(i, -1) for i in range(x.rank)])
        begin = [0 if i in counted else b for i, b in enumerate(begin)]
        end = [counted.get(i, n) for i, n in enumerate(end)]
    return _by_index(e, x, begin, end, op.strides, node.output.type.shape)


def _counted(op: ops.Slice) -> dict[int, int]:
    """The axes of which so many elements are taken from a place that depends on the size of an input."""
    spans = {i: (b, n - b) for i, (b, n) in enumerate(zip(op.begin, op.end, strict=True)) if op.strides[i] == 1}
    return {i: width for i, (b, width) in spans.items() if isinstance(b, SymDim) and isinstance(width, int)}


def _is_last(op: ops.Slice, shape: Sequence[Dim]) -> bool:
    """Whether all places that depend on sizes are the last of their axes, which has a name in Core ML."""
    places = zip(op.begin, op.end, shape, strict=True)
    return all(n - b == 1 and n == d for b, n, d in places if isinstance(b, SymDim))


def _by_index(
    e: Context, x: Ref, begin: Sequence[Dim], end: Sequence[Dim], strides: Sequence[int], shape: Sequence[Dim]
) -> Ref:
    whole = [(b, n, s) == (0, d, 1) for b, n, s, d in zip(begin, end, strides, x.shape, strict=True)]
    if all(whole):
        return x
    to_end = [w or n == d for w, n, d in zip(whole, end, x.shape, strict=True)]
    first = [
        -1 if t and isinstance(b, SymDim) and n - b == 1 else b for t, b, n in zip(to_end, begin, end, strict=True)
    ]
    last = [0 if t and isinstance(n, SymDim) else n for t, n in zip(to_end, end, strict=True)]
    return e.op(
        "slice_by_index",
        shape=shape,
        x=x,
        begin=e.dims(first),
        end=e.dims(last),
        stride=list(strides),
        begin_mask=whole,
        end_mask=to_end,
        squeeze_mask=[False] * x.rank,
    )


@EMIT.emits(ops.Reverse)
def reverse(e: Context, op: ops.Reverse, node: Node) -> Ref:
    (x,) = e.refs(node)
    return e.op("reverse", x=x, axes=sorted(a % x.rank for a in op.axes))


@EMIT.emits(ops.Pad)
def pad(e: Context, op: ops.Pad, node: Node) -> Ref:
    """Of floats; the other modes on the last two axes alone. Legalize expands others."""
    (x,) = e.refs(node)
    amounts = e.dims([p for pair in op.pads for p in pair])
    value = op.value if op.mode == "constant" else 0.0
    return e.op("pad", shape=node.output.type.shape, x=x, pad=amounts, mode=_MODES[op.mode], constant_val=value)


@EMIT.emits(ops.Tile)
def tile(e: Context, op: ops.Tile, node: Node) -> Ref:
    return e.op("tile", shape=node.output.type.shape, x=e.ref(node.inputs[0]), reps=e.dims(op.reps))


@EMIT.emits(ops.BroadcastTo)
def broadcast_to(e: Context, op: ops.BroadcastTo, node: Node) -> Ref:
    return broadcast(e, e.ref(node.inputs[0]), node.output.type.shape)


def broadcast(e: Context, x: Ref, shape: tuple[Dim, ...]) -> Ref:
    """x in a larger shape: axes of size 1 are repeated."""
    x = e.reshape(x, ((1,) * (len(shape) - x.rank) + x.shape))
    reps = [1 if d == wanted else wanted for d, wanted in zip(x.shape, shape, strict=True)]
    return x if set(reps) <= {1} else e.op("tile", shape=shape, x=x, reps=e.dims(reps))


@EMIT.emits(ops.DepthToSpace, ops.SpaceToDepth)
def blocks(e: Context, op: ops.DepthToSpace | ops.SpaceToDepth, node: Node) -> Ref:
    """Channels first; the order of channels is that of TensorFlow."""
    (x,) = e.refs(node)
    made = e.op(op.name, shape=node.output.type.shape, x=e.cast(x, _float(x.dtype)), block_size=op.block)
    return e.cast(made, x.dtype)


def _float(dtype: DType) -> DType:
    return dtype if dtype.is_float else DType.F32
