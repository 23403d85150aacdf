"""The grids that integers of quantized graphs lie on: scales and zero points as numbers, and how moves change them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kexport import ops
from kexport.ir.graph import Node, Value
from kexport.ir.op import Array
from kexport.ops.quantize import place_of
from kexport.rewrite.rule import Rewriter


@dataclass(frozen=True)
class Grid:
    """The numbers that integers stand for, `(integer - zero) * scale`: one of each, or one a place along `axis`."""

    scales: Array
    zeros: Array
    axis: int | None = None

    @property
    def key(self) -> tuple[bytes, bytes, int | None]:
        """What is equal for equal grids."""
        return self.scales.tobytes(), self.zeros.tobytes(), self.axis

    @property
    def is_whole(self) -> bool:
        """Whether one scale stands for a whole tensor."""
        return self.axis is None

    def same(self, other: Grid) -> bool:
        """Whether an integer stands for the same number on both."""
        return np.array_equal(self.scales, other.scales) and np.array_equal(self.zeros, other.zeros)

    def moved(self, shape: tuple[int, ...], layout: Callable[[Array], Array]) -> Grid | None:
        """The grid of a constant of this shape whose elements `layout` moves; None if no axis has its scales then."""
        if self.axis is None:
            return self
        places = np.broadcast_to(place_of(np.arange(self.scales.size), len(shape), self.axis), shape)
        found = layout(places)
        for axis in range(found.ndim):
            first = np.moveaxis(found, axis, 0).reshape(found.shape[axis], -1)[:, 0]
            if np.array_equal(np.broadcast_to(place_of(first, found.ndim, axis), found.shape), found):
                return Grid(self.scales[first], self.zeros[first], axis)
        return None


def grid_of(node: Node | None) -> Grid | None:
    """The grid of a `quantize` or `dequantize`; None for other nodes, for blocks, and for scales that are computed."""
    if node is None or not isinstance(node.op, ops.Quantize | ops.Dequantize) or node.op.block is not None:
        return None
    scale, zero = (v.data for v in node.inputs[1:])
    if scale is None or zero is None:
        return None
    if node.op.axis is None:
        return Grid(scale.reshape(1), zero.reshape(1).astype(np.int64))
    return Grid(scale, zero.astype(np.int64), node.op.axis % node.output.type.rank)


def held_in(value: Value) -> Value | None:
    """The integers on a grid that `dequantize` makes this value of."""
    node = value.producer
    if node is None or not isinstance(node.op, ops.Dequantize) or grid_of(node) is None:
        return None
    return node.inputs[0]


def dequantized(value: Value) -> Value | None:
    """The constant of integers that `dequantize` makes this value of."""
    held = held_in(value)
    return held if held is not None and held.data is not None else None


def dequantize(rewriter: Rewriter, integers: Value, grid: Grid, like: Value) -> Value:
    """The numbers that integers on a grid stand for; its parameters have the element types of those of `like`."""
    assert like.producer is not None
    shape = () if grid.is_whole else (-1,)
    parameters = [
        rewriter.constant(data.astype(old.type.dtype.numpy).reshape(shape))
        for data, old in zip((grid.scales, grid.zeros), like.producer.inputs[1:], strict=True)
    ]
    return rewriter.add(ops.Dequantize(grid.axis), integers, *parameters)
