"""Ops that move elements without changing them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, cast

import numpy as np

from kexport.errors import GraphError
from kexport.ir.dim import Dim
from kexport.ir.op import Array, Op
from kexport.ir.traits import Keeps, Text, Traits, Work
from kexport.ir.types import TensorType
from kexport.ops import check
from kexport.ops.broadcast import broadcast_to, same_dim, same_numel

PAD_MODES = {"constant": "constant", "reflect": "reflect", "symmetric": "symmetric", "edge": "edge"}
"""Modes of Pad: a value, mirrored without or with the border, or the border repeated; numpy's names."""


@dataclass(frozen=True)
class Reshape(Op):
    """The elements of x in row-major order, in another shape."""

    traits = Traits(Work.MOVES, Keeps.VALUES, text=Text.ALSO)
    shape: tuple[Dim, ...]

    def infer(self, x: TensorType) -> TensorType:
        check.at_least(0, self.shape, "the new shape")
        same_numel(x.shape, self.shape)
        return x.with_shape(self.shape)

    def evaluate(self, x: Array) -> Array:
        return x.reshape(ints(self.shape))


@dataclass(frozen=True)
class Transpose(Op):
    """Axis i of the result is axis perm[i] of x."""

    traits = Traits(Work.MOVES, Keeps.VALUES, text=Text.ALSO)
    perm: tuple[int, ...]

    def infer(self, x: TensorType) -> TensorType:
        if sorted(self.perm) != list(range(x.rank)):
            raise GraphError(f"perm {self.perm} is not a permutation of the {x.rank} axes")
        return x.with_shape(x.shape[p] for p in self.perm)

    def evaluate(self, x: Array) -> Array:
        return x.transpose(self.perm)


@dataclass(frozen=True)
class Concat(Op):
    """The operands one after the other along an axis."""

    traits = Traits(Work.MOVES, Keeps.VALUES, text=Text.ALSO)
    axis: int

    def infer(self, first: TensorType, *rest: TensorType) -> TensorType:
        check.same_dtype(first, *rest)
        axis = check.axis(self.axis, first.rank)
        shape = list(first.shape)
        for other in rest:
            check.rank(other, first.rank, "every operand")
            for i, d in enumerate(other.shape):
                if i == axis:
                    shape[i] = shape[i] + d
                else:
                    shape[i] = same_dim(shape[i], d, f"the sizes of axis {i}")
        return first.with_shape(shape)

    def evaluate(self, first: Array, *rest: Array) -> Array:
        return np.concatenate([first, *rest], axis=self.axis)


@dataclass(frozen=True)
class Split(Op):
    """Consecutive pieces of the given sizes along an axis."""

    traits = Traits(Work.MOVES, Keeps.VALUES, text=Text.ALSO)
    axis: int
    sizes: tuple[Dim, ...]

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        axis = check.axis(self.axis, x.rank)
        if not self.sizes:
            raise GraphError("sizes must name at least one piece")
        check.at_least(0, self.sizes, "sizes")
        same_dim(sum(self.sizes), x.shape[axis], f"the sum of sizes and axis {axis}")
        return tuple(x.with_shape((*x.shape[:axis], s, *x.shape[axis + 1 :])) for s in self.sizes)

    def evaluate(self, x: Array) -> tuple[Array, ...]:
        ends = list(accumulate(ints(self.sizes)))
        return tuple(np.split(x, ends[:-1], axis=self.axis))


@dataclass(frozen=True)
class Slice(Op):
    """x[begin[0]:end[0]:strides[0], …], for every axis; 0 <= begin <= end <= size, strides are positive."""

    traits = Traits(Work.MOVES, Keeps.VALUES, text=Text.ALSO)
    begin: tuple[Dim, ...]
    end: tuple[Dim, ...]
    strides: tuple[int, ...]

    def infer(self, x: TensorType) -> TensorType:
        for values, what in ((self.begin, "begin"), (self.end, "end"), (self.strides, "strides")):
            check.length(values, x.rank, what)
        check.at_least(1, self.strides, "strides")
        check.at_least(0, self.begin, "begin")
        for begin, end, size in zip(self.begin, self.end, x.shape, strict=True):
            check.at_most(begin, end, "begin is beyond end")
            check.at_most(end, size, "end is beyond the axis")
        triples = zip(self.begin, self.end, self.strides, strict=True)
        return x.with_shape((end - begin + (stride - 1)) // stride for begin, end, stride in triples)

    def evaluate(self, x: Array) -> Array:
        return x[tuple(map(slice, ints(self.begin), ints(self.end), self.strides))]


@dataclass(frozen=True)
class Reverse(Op):
    """The elements in opposite order along the axes."""

    traits = Traits(Work.MOVES, Keeps.VALUES, text=Text.ALSO)
    axes: tuple[int, ...]

    def infer(self, x: TensorType) -> TensorType:
        check.axes(self.axes, x.rank)
        return x

    def evaluate(self, x: Array) -> Array:
        return np.flip(x, self.axes)


@dataclass(frozen=True)
class Pad(Op):
    """x with (low, high) elements added at the ends of each axis.

    Modes: constant (`value`), reflect (mirrored, border not repeated), symmetric (border repeated), edge.
    """

    traits = Traits(Work.MOVES, Keeps.VALUES)
    pads: tuple[tuple[Dim, Dim], ...]
    mode: str = "constant"
    value: float = 0.0

    def facts(self) -> Traits:
        return replace(self.traits, fill=self.value) if self.mode == "constant" else self.traits

    def infer(self, x: TensorType) -> TensorType:
        check.length(self.pads, x.rank, "pads")
        check.one_of(self.mode, tuple(PAD_MODES), "mode")
        for i, (pair, size) in enumerate(zip(self.pads, x.shape, strict=True)):
            check.at_least(0, pair, f"the padding of axis {i}")
            if self.mode in ("reflect", "symmetric"):
                most = size - 1 if self.mode == "reflect" else size
                for pad in pair:
                    check.at_most(pad, most, f"{self.mode} padding of axis {i}")
        return x.with_shape(low + size + high for (low, high), size in zip(self.pads, x.shape, strict=True))

    def evaluate(self, x: Array) -> Array:
        value: dict[str, Any] = {"constant_values": self._fill(x)} if self.mode == "constant" else {}
        return np.pad(x, [ints(p) for p in self.pads], mode=cast(Any, PAD_MODES[self.mode]), **value)

    def _fill(self, x: Array) -> Any:
        return np.array(int(self.value), dtype=object) if x.dtype == object else x.dtype.type(self.value)


@dataclass(frozen=True)
class Tile(Op):
    """x repeated reps[i] times along axis i."""

    traits = Traits(Work.MOVES, Keeps.VALUES, text=Text.ALSO)
    reps: tuple[Dim, ...]

    def infer(self, x: TensorType) -> TensorType:
        check.length(self.reps, x.rank, "reps")
        check.at_least(0, self.reps, "reps")
        return x.with_shape(d * r for d, r in zip(x.shape, self.reps, strict=True))

    def evaluate(self, x: Array) -> Array:
        return np.tile(x, ints(self.reps))


@dataclass(frozen=True)
class BroadcastTo(Op):
    """x repeated along its axes of size 1, and along new axes in front, until it has the shape."""

    traits = Traits(Work.MOVES, Keeps.VALUES, text=Text.ALSO)
    shape: tuple[Dim, ...]

    def infer(self, x: TensorType) -> TensorType:
        return x.with_shape(broadcast_to(x.shape, self.shape))

    def evaluate(self, x: Array) -> Array:
        return np.broadcast_to(x, ints(self.shape))


@dataclass(frozen=True)
class DepthToSpace(Op):
    """x[N, H, W, b*b*C] as [N, H*b, W*b, C]: channel (i*b + j)*C + c goes to row i, column j of its block."""

    traits = Traits(Work.MOVES, Keeps.VALUES, spatial=True)
    block: int

    def infer(self, x: TensorType) -> TensorType:
        check.rank(x, 4, "x")
        check.at_least(1, (self.block,), "block")
        n, h, w, c = x.shape
        if isinstance(c, int) and c % self.block**2:
            raise GraphError(f"{c} channels cannot be split into blocks of {self.block}x{self.block}")
        return x.with_shape((n, h * self.block, w * self.block, c // self.block**2))

    def evaluate(self, x: Array) -> Array:
        n, h, w, c = x.shape
        b = self.block
        blocks = x.reshape(n, h, w, b, b, c // b**2)
        return blocks.transpose(0, 1, 3, 2, 4, 5).reshape(n, h * b, w * b, c // b**2)


@dataclass(frozen=True)
class SpaceToDepth(Op):
    """x[N, H*b, W*b, C] as [N, H, W, b*b*C]: row i, column j of a block goes to channel (i*b + j)*C + c."""

    traits = Traits(Work.MOVES, Keeps.VALUES, spatial=True)
    block: int

    def infer(self, x: TensorType) -> TensorType:
        check.rank(x, 4, "x")
        check.at_least(1, (self.block,), "block")
        n, h, w, c = x.shape
        for size in (h, w):
            if isinstance(size, int) and size % self.block:
                raise GraphError(f"{size} rows or columns cannot be split into blocks of {self.block}x{self.block}")
            same_dim(size, size // self.block * self.block, "rows or columns and those of whole blocks")
        return x.with_shape((n, h // self.block, w // self.block, c * self.block**2))

    def evaluate(self, x: Array) -> Array:
        n, h, w, c = x.shape
        b = self.block
        blocks = x.reshape(n, h // b, b, w // b, b, c)
        return blocks.transpose(0, 1, 3, 2, 4, 5).reshape(n, h // b, w // b, c * b**2)


def ints(dims: Sequence[Dim]) -> tuple[int, ...]:
    """Dims that have been bound, as ints.

    Raises:
        GraphError: one is still symbolic.
    """
    return tuple(check.static(d, "a size to evaluate") for d in dims)
