"""Broadcasting with symbolic dims, and the conflict that capture can resolve."""

from __future__ import annotations

import pytest

from kexport import ops
from kexport.errors import GraphError
from kexport.ir.dim import Dim, symbol
from kexport.ir.op import Op, infer
from kexport.ir.types import TensorType
from kexport.ops.broadcast import DimConflict, broadcast_shapes, same_dim

N = symbol("n")
M = symbol("m")


@pytest.mark.parametrize(
    ("shapes", "result"),
    [
        (((N, 3), (3,)), (N, 3)),
        (((N, 1), (1, M)), (N, M)),
        (((N, 3), (N, 3)), (N, 3)),
        (((1, 3), (N, 1)), (N, 3)),
        (((), (N, M)), (N, M)),
        (((N + M, 2), (M + N, 1)), (N + M, 2)),
        (((2, 1), (1, 3), (N, 1, 1)), (N, 2, 3)),
        (((0,), (1,)), (0,)),
    ],
)
def test_shapes_broadcast(shapes: tuple[tuple[Dim, ...], ...], result: tuple[Dim, ...]) -> None:
    assert broadcast_shapes(*shapes) == result


CONFLICTS: list[tuple[Op, list[str], Dim, Dim]] = [
    (ops.Add(), ["f32[n,3]", "f32[m,3]"], N, M),
    (ops.Add(), ["f32[4,n]", "f32[3]"], N, 3),
    (ops.Equal(), ["f32[2]", "f32[n]"], 2, N),
    (ops.Select(), ["bool[m]", "f32[n]", "f32[n]"], N, M),
    (ops.Concat(0), ["f32[n,3]", "f32[n,m]"], 3, M),
    (ops.Split(0, (N, 2)), ["f32[m]"], N + 2, M),
    (ops.MatMul(), ["f32[4,n]", "f32[m,4]"], N, M),
    (ops.MatMul(), ["f32[n,4,5]", "f32[m,5,4]"], N, M),
    (ops.Dense(), ["f32[4,n]", "f32[8,4]"], N, 8),
    (ops.Reshape((N, 4)), ["f32[m,4]"], 4 * M, 4 * N),
    (ops.BroadcastTo((N, 4)), ["f32[m,4]"], M, N),
    (ops.Gather(1, 1), ["f32[n,4]", "i32[m,2]"], N, M),
    (ops.ScatterNd(), ["f32[4,n]", "i32[1,1]", "f32[1,m]"], M, N),
    (ops.Conv((1,), "same", (1,)), ["f32[2,8,n]", "f32[3,4,5]"], N, 4),
    (ops.LayerNorm((-1,), 1e-3), ["f32[2,n]", "f32[3]", "f32[3]"], 3, N),
]


@pytest.mark.parametrize(("op", "types", "left", "right"), CONFLICTS, ids=[c[0].name for c in CONFLICTS])
def test_dims_that_only_the_input_can_make_equal(op: Op, types: list[str], left: Dim, right: Dim) -> None:
    with pytest.raises(DimConflict) as caught:
        infer(op, tuple(map(TensorType.parse, types)))
    assert (caught.value.left, caught.value.right) == (left, right)
    assert f"must be equal, got {left} and {right}" in caught.value.what


def test_different_sizes_are_no_conflict_to_resolve() -> None:
    with pytest.raises(GraphError) as caught:
        same_dim(2, 3, "the sizes")
    assert not isinstance(caught.value, DimConflict)
    assert str(caught.value) == "the sizes must be equal, got 2 and 3"
