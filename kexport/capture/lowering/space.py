"""SpaceToBatchND and BatchToSpaceND: how TensorFlow makes dilated convolutions of plain ones."""

from __future__ import annotations

from typing import Any

from kexport import ops
from kexport.capture.lowering.context import ON_DATA, Context, known_sizes
from kexport.capture.lowering.layouts import per_axis
from kexport.capture.lowering.table import Table
from kexport.capture.not_lowered import NotLowered
from kexport.ir.dim import Dim, product
from kexport.ir.graph import Value

table = Table()
_CONVOLUTIONS = ("Conv2D", "Conv3D", "DepthwiseConv2dNative")


@table.op("SpaceToBatchND")
def space_to_batch(ctx: Context, op: Any, x: Value, block: Value, paddings: Value) -> Value:
    """Every block[i]-th element of spatial axis i, as an example of its own."""
    blocks = ctx.ints(block)
    pads = pairs(paddings)
    count = len(blocks)
    shape = x.type.shape
    rest = shape[count + 1 :]
    padded = ctx.emit(ops.Pad(((0, 0), *pads, *[(0, 0)] * len(rest))), x)
    sizes = [d // b for d, b in zip(padded.type.shape[1 : count + 1], blocks, strict=True)]
    split = [d for pair in zip(sizes, blocks, strict=True) for d in pair]
    y = ctx.reshape(padded, (shape[0], *split, *rest))
    inner = range(2, 2 * count + 1, 2)
    outer = range(1, 2 * count + 1, 2)
    y = ctx.transpose(y, (*inner, 0, *outer, *range(2 * count + 1, y.type.rank)))
    return ctx.reshape(y, (shape[0] * product(blocks), *sizes, *rest))


@table.op("BatchToSpaceND")
def batch_to_space(ctx: Context, op: Any, x: Value, block: Value, crops: Value) -> Value:
    """The inverse; at the end of a dilated convolution, that convolution."""
    blocks = ctx.ints(block)
    cut = pairs(crops)
    convolution = _find_convolution(op)
    if convolution is not None:
        result = _dilated(ctx, convolution, blocks, cut)
        if result is not None:
            return result
    count = len(blocks)
    sizes = x.type.shape[1 : len(blocks) + 1]
    batch = x.type.shape[0] // product(blocks)
    rest = x.type.shape[count + 1 :]
    y = ctx.reshape(x, (*blocks, batch, *sizes, *rest))
    woven = [i for k in range(count) for i in (count + 1 + k, k)]
    y = ctx.transpose(y, (count, *woven, *range(2 * count + 1, y.type.rank)))
    full = [s * b for s, b in zip(sizes, blocks, strict=True)]
    y = ctx.reshape(y, (batch, *full, *rest))
    begin = (0, *(low for low, _ in cut), *[0] * len(rest))
    end = (batch, *(d - high for d, (_, high) in zip(full, cut, strict=True)), *rest)
    return ctx.emit(ops.Slice(begin, end, (1,) * len(begin)), y)


def pairs(value: Value) -> tuple[tuple[Dim, Dim], ...]:
    """Read a low and a high number per axis from a tensor of two columns.

    Raises:
        NotLowered: they are not known.
    """
    known = known_sizes(value)
    if known is None:
        raise NotLowered(ON_DATA)
    return tuple((low, high) for low, high in known.tolist())


def _find_convolution(op: Any) -> tuple[Any, Any] | None:
    """The convolution and the SpaceToBatchND behind a BatchToSpaceND."""
    convolution = op.inputs[0].op
    convolution = convolution.inputs[0].op if convolution.type == "Squeeze" else convolution
    if convolution.type not in _CONVOLUTIONS or convolution.get_attr("padding") != b"VALID":
        return None
    if set(convolution.get_attr("strides")) != {1} or convolution.get_attr("data_format").startswith(b"NC"):
        return None
    space = convolution.inputs[0].op
    space = space.inputs[0].op if space.type == "ExpandDims" else space
    return (convolution, space) if space.type == "SpaceToBatchND" else None


def _dilated(
    ctx: Context, found: tuple[Any, Any], blocks: tuple[int, ...], cut: tuple[tuple[Dim, Dim], ...]
) -> Value | None:
    convolution, space = found
    pads = pairs(ctx.value(space.inputs[2]))
    x = ctx.value(space.inputs[0])
    kernel = ctx.value(convolution.inputs[1])
    axes = x.type.rank - 2
    if ctx.ints(ctx.value(space.inputs[1])) != blocks or axes != len(blocks):
        return None
    padding = tuple((lo - a, hi - b) for (lo, hi), (a, b) in zip(pads, cut, strict=True))
    if any(isinstance(p, int) and p < 0 for pair in padding for p in pair):
        return None
    kernel = ctx.reshape(kernel, kernel.type.shape[-2 - axes :])
    strides = per_axis(1, axes)
    if convolution.type == "DepthwiseConv2dNative":
        return ctx.emit(ops.DepthwiseConv(strides, padding, blocks), x, kernel)
    groups = int(x.type.shape[-1]) // int(kernel.type.shape[-2])  # type: ignore[arg-type]
    return ctx.emit(ops.Conv(strides, padding, blocks, groups), x, kernel)
