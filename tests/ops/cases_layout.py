"""Cases of ops that move, create and index elements."""

from __future__ import annotations

import numpy as np

from kexport import ops
from kexport.ir.dim import dim_max, dim_min
from kexport.ir.types import DType
from tests.ops.case import BATCH, LENGTH, Case, Operand, booleans, constant, integers, literal, normal, weight
from tests.ops.expected import Array, tf_call

_X = normal(BATCH, 3, 4, 5)
_SEQUENCE = normal(BATCH, LENGTH, 4)
_PADS = ((0, 0), (1, 2), (0, 1), (2, 0))


_SIDES = (LENGTH, BATCH)
_SHORT = dim_min(*_SIDES)
_LONG = dim_max(*_SIDES)
_MIDDLE = tuple((side - _SHORT) // 2 for side in _SIDES)
_MIDDLE_END = tuple(begin + _SHORT for begin in _MIDDLE)
_TO_SQUARE = tuple(((_LONG - side) // 2,) * 2 for side in _SIDES)
"""An image of which nothing is known but that one side is not the longer one, cut and padded to a square."""


def _slice(x: Array) -> Array:
    return x[:, 1:3, 0:4:2, 1:5:3]


LAYOUT = [
    Case(ops.Reshape((BATCH, 12, 5)), (_X,), lambda x: x.reshape(-1, 12, 5)),
    Case(ops.Reshape((BATCH, 60)), (_X,), lambda x: x.reshape(-1, 60), "flatten"),
    Case(ops.Reshape((BATCH, 1, 3, 1, 4, 5)), (_X,), lambda x: x[:, None, :, None], "expand"),
    Case(ops.Reshape((BATCH * LENGTH, 4)), (_SEQUENCE,), lambda x: x.reshape(-1, 4), "fold"),
    Case(ops.Reshape((BATCH, LENGTH, 2, 2)), (_SEQUENCE,), lambda x: x.reshape(2, 5, 2, 2), "heads"),
    Case(ops.Transpose((0, 3, 1, 2)), (_X,), tf_call("transpose", perm=(0, 3, 1, 2))),
    Case(ops.Transpose((0, 2, 1)), (_SEQUENCE,), tf_call("transpose", perm=(0, 2, 1)), "swap"),
    Case(ops.Transpose((1, 0)), (booleans(BATCH, 3),), lambda x: x.T, "bool"),
    Case(ops.Concat(-1), (normal(BATCH, 3, 4), normal(BATCH, 3, 2), normal(BATCH, 3, 1)),
         lambda *x: tf_call("concat", axis=-1)(x)),
    Case(ops.Concat(1), (_SEQUENCE, normal(BATCH, LENGTH, 4)), lambda *x: tf_call("concat", axis=1)(x), "length"),
    Case(ops.Concat(0), (normal(BATCH, 4), weight(1, 4)), lambda *x: tf_call("concat", axis=0)(x), "constant"),
    Case(ops.Concat(0), (normal(3),), lambda x: x, "one"),
    Case(ops.Split(-1, (2, 3)), (_X,), tf_call("split", num_or_size_splits=(2, 3), axis=-1)),
    Case(ops.Split(1, (1, 1, 1)), (_X,), tf_call("split", num_or_size_splits=3, axis=1), "even"),
    Case(ops.Split(1, (LENGTH - 2, 2)), (_SEQUENCE,), lambda x: (x[:, :3], x[:, 3:]), "length_first"),
    Case(ops.Split(1, (1, LENGTH - 1)), (_SEQUENCE,), lambda x: (x[:, :1], x[:, 1:]), "length"),
    Case(ops.Slice((0, 1, 0, 1), (BATCH, 3, 4, 5), (1, 1, 2, 3)), (_X,), _slice),
    Case(ops.Slice((0, LENGTH - 2, 0), (BATCH, LENGTH, 4), (1, 1, 1)), (_SEQUENCE,), lambda x: x[:, -2:], "end"),
    Case(ops.Slice((0, 0, 0), (BATCH, LENGTH, 4), (1, 2, 1)), (_SEQUENCE,), lambda x: x[:, ::2], "every_other"),
    Case(ops.Slice((0, LENGTH, 0), (BATCH, 3 * LENGTH, 2), (1, 1, 1)), (normal(BATCH, 4 * LENGTH, 2),),
         lambda x: x[:, 5:15], "quarters"),
    Case(ops.Slice((0, 0, 0), (BATCH, dim_min(LENGTH, 3), 4), (1, 1, 1)), (_SEQUENCE,), lambda x: x[:, :3], "at_most"),
    Case(ops.Pad(((0, 0), (0, dim_max(LENGTH, 8) - LENGTH), (0, 0))), (_SEQUENCE,),
         lambda x: np.pad(x, ((0, 0), (0, 3), (0, 0))), "at_least"),
    Case(ops.Slice((0, 1, 0), (BATCH, 1, 4), (1, 1, 1)), (normal(BATCH, 3, 4),), lambda x: x[:, 1:1], "empty"),
    *(Case(ops.Slice((*_MIDDLE[::step], 0), (*_MIDDLE_END[::step], 3), (1, 1, 1)), (normal(*_SIDES[::step], 3),),
           lambda x, step=step: x[1:3] if step > 0 else x[:, 1:3], f"middle{step}") for step in (1, -1)),
    Case(ops.Reverse((1,)), (_SEQUENCE,), tf_call("reverse", axis=(1,))),
    Case(ops.Reverse((-1, 1)), (_X,), tf_call("reverse", axis=(-1, 1)), "two"),
    Case(ops.Pad(_PADS), (_X,), tf_call("pad", paddings=_PADS)),
    Case(ops.Pad(_PADS, value=-1.5), (_X,), tf_call("pad", paddings=_PADS, constant_values=-1.5), "value"),
    Case(ops.Pad(_PADS, "reflect"), (_X,), tf_call("pad", paddings=_PADS, mode="REFLECT"), "reflect"),
    Case(ops.Pad(_PADS, "symmetric"), (_X,), tf_call("pad", paddings=_PADS, mode="SYMMETRIC"), "symmetric"),
    Case(ops.Pad(((0, 0), (2, 1)), "edge"), (normal(BATCH, 3),), lambda x: x[:, [0, 0, 0, 1, 2, 2]], "edge"),
    *(Case(ops.Pad((*_TO_SQUARE[::step], (0, 0)), value=7), (normal(*_SIDES[::step], 3),),
           lambda x, step=step: np.pad(x, ((0, 0), (1, 1), (0, 0)) if step > 0 else ((1, 1), (0, 0), (0, 0)),
                                       constant_values=7), f"to_square{step}") for step in (1, -1)),
    Case(ops.Pad(((0, 0), (1, 1)), value=7), (integers(0, 5, BATCH, 3),),
         tf_call("pad", paddings=((0, 0), (1, 1)), constant_values=7), "i32"),
    Case(ops.Tile((1, 2, 1, 3)), (_X,), tf_call("tile", multiples=(1, 2, 1, 3))),
    Case(ops.Tile((BATCH, 1)), (weight(1, 3),), lambda x: np.concatenate([x, x]), "batch"),
    Case(ops.BroadcastTo((BATCH, 3, 4)), (normal(BATCH, 1, 4),), tf_call("broadcast_to", shape=(2, 3, 4))),
    Case(ops.BroadcastTo((BATCH, LENGTH, 4)), (normal(4),), tf_call("broadcast_to", shape=(2, 5, 4)), "rank"),
    Case(ops.DepthToSpace(2), (normal(BATCH, 3, 2, 8),), tf_call("nn.depth_to_space", block_size=2)),
    Case(ops.DepthToSpace(3), (normal(BATCH, 2, 1, 9),), tf_call("nn.depth_to_space", block_size=3), "three"),
    Case(ops.SpaceToDepth(2), (normal(BATCH, 6, 4, 3),), tf_call("nn.space_to_depth", block_size=2)),
]  # fmt: skip

CREATE = [
    Case(ops.Iota(6, DType.I32), (), lambda: tf_call("range")(6)),
    Case(ops.Iota(LENGTH, DType.I64, 3, -2), (), lambda: np.array([3, 1, -1, -3, -5]), "step"),
    Case(ops.Iota(4, DType.F32, 0.5, 0.25), (), lambda: np.array([0.5, 0.75, 1.0, 1.25]), "float"),
    Case(ops.Full((BATCH, 3), 2.5, DType.F32), (), lambda: np.array([[2.5] * 3] * 2)),
    Case(ops.Full((2,), True, DType.BOOL), (), lambda: np.array([True, True]), "bool"),
    Case(ops.Full((), 7, DType.I32), (), lambda: np.array(7), "scalar"),
    Case(ops.Dims((BATCH, 3, LENGTH + 1), DType.I32), (), lambda: np.array([2, 3, 6])),
    Case(ops.Dims((-1 * LENGTH, -3 * BATCH + -1), DType.I32), (), lambda: np.array([-5, -7]), "negative"),
    Case(
        ops.Dims((LENGTH - 7, 2 * BATCH - LENGTH, (LENGTH - 8) // 2, dim_max(LENGTH - 9, -7) + 1), DType.I32),
        (),
        lambda: np.array([-2, -1, -2, -3]),
        "below-zero",
    ),
    Case(ops.Dims((), DType.I64), (), lambda: np.array([]), "none"),
]

_IDS = integers(0, 5, BATCH, LENGTH)
_TABLE = weight(6, 4)
_PLACES = literal([[0, 1], [2, 0], [1, 3]], DType.I32)
_TWICE = literal([[1], [3], [1]], DType.I32)


def _table(dtype: DType) -> Operand:
    return constant(integers(-99, 99, 6, 4, dtype=dtype))


def _scatter(name: str, data: Array, indices: Array, updates: Array) -> Array:
    return tf_call(f"tensor_scatter_nd_{name}")(data, indices, updates)


INDEX = [
    Case(ops.Gather(0), (_TABLE, _IDS), tf_call("gather"), "embedding"),
    Case(ops.Gather(0), (_table(DType.I8), integers(0, 5, BATCH, 3, dtype=DType.I64)), tf_call("gather"), "i8"),
    Case(ops.Gather(2), (_X, literal([3, 0, 0], DType.I32)), tf_call("gather", axis=2), "axis"),
    Case(ops.Gather(-1), (_X, literal(2, DType.I32)), tf_call("gather", axis=-1), "scalar"),
    Case(ops.Gather(1, 1), (_X, integers(0, 2, BATCH, 2)), tf_call("gather", axis=1, batch_dims=1), "batch"),
    Case(ops.Gather(2, 1), (_X, integers(0, 3, BATCH, 3, 2)), tf_call("gather", axis=2, batch_dims=1), "batch_later"),
    Case(ops.Gather(2, 2), (_X, integers(0, 3, BATCH, 3, 2)), tf_call("gather", axis=2, batch_dims=2), "batch_two"),
    Case(ops.GatherNd(), (normal(3, 4, 5), _PLACES), tf_call("gather_nd")),
    Case(ops.GatherNd(), (normal(3, 4), _PLACES), tf_call("gather_nd"), "elements"),
    Case(ops.GatherNd(), (normal(3, 4), literal([2, 1], DType.I32)), tf_call("gather_nd"), "one"),
    *(
        Case(
            ops.GatherNd(b),
            (normal(BATCH, 3, 4), integers(0, 2, BATCH, 3, 1)),
            tf_call("gather_nd", batch_dims=b),
            f"batch{b}",
        )
        for b in (1, 2)
    ),
    Case(ops.ScatterNd(), (normal(3, 4), _PLACES, normal(3)), lambda *a: _scatter("update", *a)),
    Case(
        ops.ScatterNd(),
        (normal(4, LENGTH), literal([[2], [0]], DType.I32), normal(2, LENGTH)),
        lambda *a: _scatter("update", *a),
        "rows",
    ),
    Case(ops.ScatterNd("add"), (normal(4, 2), _TWICE, normal(3, 2)), lambda *a: _scatter("add", *a), "add"),
    Case(ops.ScatterNd("max"), (normal(4, 2), _TWICE, normal(3, 2)), lambda *a: _scatter("max", *a), "max"),
    Case(ops.ScatterNd("min"), (normal(4, 2), _TWICE, normal(3, 2)), lambda *a: _scatter("min", *a), "min"),
    Case(ops.OneHot(4), (integers(-1, 5, BATCH, 3),), tf_call("one_hot", depth=4)),
    Case(ops.OneHot(3, 1, DType.I32), (integers(0, 2, BATCH, 4),), tf_call("one_hot", depth=3, axis=1), "axis"),
    Case(ops.OneHot(3, 0, DType.BOOL), (integers(0, 2, 4),), tf_call("one_hot", depth=3, axis=0), "bool"),
]

CASES = [*LAYOUT, *CREATE, *INDEX]
