"""Reading and writing at indices, which are never negative and always in range."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kexport.errors import GraphError
from kexport.ir.op import Array, Op
from kexport.ir.traits import UNIT, Growth, Keeps, Text, Traits, Work
from kexport.ir.types import DType, TensorType
from kexport.ops import check
from kexport.ops.arrays import indices as checked
from kexport.ops.broadcast import same_shape


@dataclass(frozen=True)
class Gather(Op):
    """Slices of x along an axis: y[b, p, i, q] = x[b, p, indices[b, i], q].

    b runs over the first `batch_dims` axes of both, p over the axes of x up to `axis`, q over those after it.
    """

    traits = Traits(Work.MOVES, Keeps.VALUES, data=(0,), weights=(0,), text=Text.ALSO)
    axis: int
    batch_dims: int = 0

    def infer(self, x: TensorType, indices: TensorType) -> TensorType:
        check.kind("integer", indices)
        axis = check.axis(self.axis, x.rank)
        if not 0 <= self.batch_dims <= min(axis, indices.rank):
            raise GraphError(f"batch_dims {self.batch_dims} does not fit axis {axis} and indices {indices}")
        batch = self.batch_dims
        same_shape(x.shape[:batch], indices.shape[:batch], "the batch axes of x and indices")
        return x.with_shape((*x.shape[:axis], *indices.shape[batch:], *x.shape[axis + 1 :]))

    def evaluate(self, x: Array, indices: Array) -> Array:
        axis = self.axis % x.ndim
        batch = self.batch_dims
        found = checked(indices, x.shape[axis])
        if not batch:
            return np.asarray(np.take(x, found, axis=axis), dtype=x.dtype)
        flat_x = x.reshape(-1, *x.shape[batch:])
        flat_i = found.reshape(-1, *found.shape[batch:])
        shape = (*x.shape[:axis], *found.shape[batch:], *x.shape[axis + 1 :])
        parts = [np.take(a, i, axis=axis - batch) for a, i in zip(flat_x, flat_i, strict=True)]
        return np.stack(parts).reshape(shape) if parts else np.empty(shape, x.dtype)


@dataclass(frozen=True)
class GatherNd(Op):
    """y[b, i] = x[b, indices[b, i, 0], indices[b, i, 1], …]; b runs over the first `batch_dims` axes of both."""

    traits = Traits(Work.MOVES, Keeps.VALUES, data=(0,), text=Text.ALSO)
    batch_dims: int = 0

    def infer(self, x: TensorType, indices: TensorType) -> TensorType:
        check.kind("integer", indices)
        batch = self.batch_dims
        if not 0 <= batch < max(indices.rank, 1) or batch > x.rank:
            raise GraphError(f"batch_dims {batch} does not fit x {x} and indices {indices}")
        depth = _index_depth(indices, x.rank - batch)
        same_shape(x.shape[:batch], indices.shape[:batch], "the batch axes of x and indices")
        return x.with_shape((*indices.shape[:-1], *x.shape[batch + depth :]))

    def evaluate(self, x: Array, indices: Array) -> Array:
        batch = self.batch_dims
        index = _columns(indices, x.shape[batch:])
        shape = indices.shape[:-1]
        return np.asarray(x[(*np.indices(shape, sparse=True)[:batch], *index)], dtype=x.dtype)


_SCATTER: dict[str, Callable[[Array, Any, Array], None]] = {
    "update": lambda out, index, updates: out.__setitem__(index, updates),
    "add": lambda out, index, updates: np.add.at(out, index, updates),
    "max": lambda out, index, updates: np.maximum.at(out, index, updates),
    "min": lambda out, index, updates: np.minimum.at(out, index, updates),
}


@dataclass(frozen=True)
class ScatterNd(Op):
    """data with updates[i] written (added, …) at data[indices[i, 0], indices[i, 1], …].

    Reductions: update (indices are distinct), add, max, min.
    """

    traits = Traits(Work.ROUNDS, Keeps.SIGN, data=(0, 2))
    reduction: str = "update"

    def facts(self) -> Traits:
        match self.reduction:
            case "update":
                return replace(self.traits, work=Work.MOVES, keeps=Keeps.VALUES, text=Text.ALSO)
            case "add":
                return replace(self.traits, growth=Growth.SLIGHT)
            case _:
                return replace(self.traits, work=Work.PICKS, keeps=Keeps.VALUES)

    def infer(self, data: TensorType, indices: TensorType, updates: TensorType) -> TensorType:
        check.kind("integer", indices)
        check.one_of(self.reduction, tuple(_SCATTER), "reduction")
        check.same_dtype(data, updates)
        depth = _index_depth(indices, data.rank)
        wanted = (*indices.shape[:-1], *data.shape[depth:])
        same_shape(updates.shape, wanted, "the shape of updates and of the slices")
        return data

    def evaluate(self, data: Array, indices: Array, updates: Array) -> Array:
        result = data.copy()
        _SCATTER[self.reduction](result, _columns(indices, data.shape), updates)
        return result


@dataclass(frozen=True)
class OneHot(Op):
    """1 at the index and 0 elsewhere, along a new axis of size `depth`; all 0 for an index out of range."""

    traits = Traits(Work.EXACT, data=(), range=UNIT)
    depth: int
    axis: int = -1
    dtype: DType = DType.F32

    def infer(self, indices: TensorType) -> TensorType:
        check.kind("integer", indices)
        axis = check.axis(self.axis, indices.rank + 1)
        check.at_least(0, (self.depth,), "depth")
        return TensorType(self.dtype, (*indices.shape[:axis], self.depth, *indices.shape[axis:]))

    def evaluate(self, indices: Array) -> Array:
        axis = self.axis % (indices.ndim + 1)
        classes = np.arange(self.depth).reshape([-1] + [1] * (indices.ndim - axis))
        return np.equal(np.expand_dims(indices, axis), classes).astype(self.dtype.numpy)


def _index_depth(indices: TensorType, most: int) -> int:
    if indices.rank < 1:
        raise GraphError(f"indices need at least one axis, got {indices}")
    depth = check.static(indices.shape[-1], "the last axis of indices")
    check.at_most(depth, most, "the last axis of indices holds more numbers than there are axes")
    return depth


def _columns(indices: Array, shape: tuple[int, ...]) -> tuple[Array, ...]:
    return tuple(checked(indices[..., i], shape[i]) for i in range(indices.shape[-1]))
