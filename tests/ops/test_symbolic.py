"""Ops on object arrays of dims, as shape folding evaluates them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kexport import ops
from kexport.ir.dim import SymDim, UndecidableDim, dim_max, dim_min, substitute, symbol
from kexport.ir.op import Op
from kexport.ir.types import DType

N = symbol("n")
M = symbol("m")
SHAPE = np.array([N, M + 1, 3], dtype=object)
ONE = np.array(N, dtype=object)
SIZES: dict[str, Any] = {"n": 6, "m": 4}


def dims(*values: Any) -> Any:
    return np.array(values, dtype=object)


CASES: list[tuple[Op, tuple[Any, ...], Any]] = [
    (ops.Add(), (SHAPE, np.array(2)), [N + 2, M + 3, 5]),
    (ops.Add(), (ONE, np.array(2)), N + 2),
    (ops.Sub(), (np.array([9, 9, 9]), SHAPE), [9 - N, 8 - M, 6]),
    (ops.Mul(), (SHAPE, SHAPE), [N * N, (M + 1) * (M + 1), 9]),
    (ops.FloorDiv(), (dims(4 * N + 2, M), np.array(2)), [2 * N + 1, M // 2]),
    (ops.Mod(), (dims(4 * N + 3, 7), np.array(2)), [1, 1]),
    (ops.Neg(), (SHAPE,), [-N, -M - 1, -3]),
    (ops.Square(), (ONE,), N * N),
    (ops.Maximum(), (SHAPE, np.array(1)), [N, M + 1, 3]),
    (ops.Maximum(), (dims(N, 2), dims(M, 5)), [dim_max(N, M), 5]),
    (ops.Minimum(), (dims(N, 2), dims(M, N + 2)), [dim_min(N, M), 2]),
    (ops.Concat(0), (SHAPE, np.array([7])), [N, M + 1, 3, 7]),
    (ops.Slice((1,), (3,), (1,)), (SHAPE,), [M + 1, 3]),
    (ops.Reverse((0,)), (SHAPE,), [3, M + 1, N]),
    (ops.Reshape((3, 1)), (SHAPE,), [[N], [M + 1], [3]]),
    (ops.Reshape(()), (dims(N),), N),
    (ops.Transpose((1, 0)), (SHAPE.reshape(3, 1),), [[N, M + 1, 3]]),
    (ops.Split(0, (1, 2)), (SHAPE,), ([N], [M + 1, 3])),
    (ops.Tile((2,)), (dims(N, 3),), [N, 3, N, 3]),
    (ops.Pad(((1, 0),), value=1), (dims(N, 3),), [1, N, 3]),
    (ops.BroadcastTo((2, 1)), (dims(N),), [[N], [N]]),
    (ops.Gather(0), (SHAPE, np.array([2, 0])), [3, N]),
    (ops.Gather(0), (SHAPE, np.array(1)), M + 1),
    (ops.Gather(0), (SHAPE, dims(1)), [M + 1]),
    (ops.GatherNd(), (SHAPE, np.array([1])), M + 1),
    (ops.ScatterNd(), (SHAPE, np.array([[1]]), dims(N)), [N, N, 3]),
    (ops.ReduceProd((0,)), (SHAPE,), N * (M + 1) * 3),
    (ops.ReduceProd((0,), True), (SHAPE,), [N * (M + 1) * 3]),
    (ops.ReduceSum((0,)), (SHAPE,), N + M + 4),
    (ops.ReduceMax((0,)), (dims(N, N + 1, 1),), N + 1),
    (ops.ReduceMin((0, 1), True), (dims(N, N + 1, 1).reshape(1, 3),), [[1]]),
    (ops.CumSum(0), (dims(N, 2, 3),), [N, N + 2, N + 5]),
    (ops.CumProd(0, exclusive=True), (dims(N, 2, 3),), [1, N, 2 * N]),
    (ops.Select(), (np.array([True, False]), dims(N, N), dims(1, 2)), [N, 2]),
    (ops.Cast(DType.I64), (SHAPE,), [N, M + 1, 3]),
    (ops.Dims((N, 3), DType.I32), (), [N, 3]),
    (ops.Relu(), (SHAPE,), [N, M + 1, 3]),
]


@pytest.mark.parametrize(("op", "operands", "result"), CASES, ids=[f"{i}-{c[0].name}" for i, c in enumerate(CASES)])
def test_dims_go_through(op: Op, operands: tuple[Any, ...], result: Any) -> None:
    found = op.evaluate(*operands)
    found, wanted = (found, result) if isinstance(found, tuple) else ((found,), (result,))
    assert all(f.dtype == object for f in found)
    assert all(type(d) in (int, SymDim) for f in found for d in f.reshape(-1))
    assert [f.tolist() for f in found] == list(wanted)


@pytest.mark.parametrize(("op", "operands", "result"), CASES, ids=[f"{i}-{c[0].name}" for i, c in enumerate(CASES)])
def test_folding_and_binding_commute(op: Op, operands: tuple[Any, ...], result: Any) -> None:
    del result
    bind = np.vectorize(lambda d: substitute(d, SIZES), otypes=[np.int64])
    early = op.bind(SIZES).evaluate(*map(bind, operands))
    late = op.evaluate(*operands)
    pairs = zip(early, late, strict=True) if isinstance(early, tuple) else [(early, late)]
    for a, b in pairs:
        np.testing.assert_array_equal(a, bind(b))


@pytest.mark.parametrize(
    ("op", "operands", "result"),
    [
        (ops.Equal(), (SHAPE, SHAPE), [True] * 3),
        (ops.Equal(), (SHAPE, np.array(0)), [False] * 3),
        (ops.NotEqual(), (ONE, np.array(0)), True),
        (ops.Greater(), (SHAPE, np.array(0)), [True] * 3),
        (ops.Less(), (dims(N + 1), dims(N)), [False]),
        (ops.Cast(DType.BOOL), (SHAPE,), [True] * 3),
    ],
)
def test_questions_with_one_answer(op: Op, operands: tuple[Any, ...], result: Any) -> None:
    found = op.evaluate(*operands)
    assert isinstance(found, np.ndarray)
    assert found.dtype == bool
    assert found.tolist() == result


@pytest.mark.parametrize(
    ("op", "operands", "message"),
    [
        (ops.Equal(), (SHAPE, np.array(3)), "whether n equals 3 depends on the input size"),
        (ops.NotEqual(), (ONE, dims(M)), "whether n equals m depends on the input size"),
        (ops.Less(), (SHAPE, np.array(3)), "whether n < 3 depends on the input size"),
        (ops.Cast(DType.F32), (SHAPE,), "the f32 value of [n, m+1, 3] depends on the input size"),
        (ops.Gather(0), (np.array([1, 2]), dims(N)), "an index depends on the input size: [n]"),
    ],
)
def test_questions_without_one_answer(op: Op, operands: tuple[Any, ...], message: str) -> None:
    with pytest.raises(UndecidableDim) as caught:
        op.evaluate(*operands)
    assert str(caught.value) == message


@pytest.mark.parametrize("op", [ops.Sqrt(), ops.Abs(), ops.BitNot()])
def test_functions_that_dims_do_not_have(op: Op) -> None:
    with pytest.raises(UndecidableDim, match="not a function of dimensions"):
        op.evaluate(SHAPE)
