"""Cases of reductions, running totals, matrix products and normalization."""

from __future__ import annotations

from typing import Any

import numpy as np

from kexport import ops
from kexport.ir.op import Op
from kexport.ir.types import DType
from tests.ops.case import BATCH, LENGTH, Case, booleans, constant, integers, literal, normal, uniform, weight
from tests.ops.expected import Array, keras, keras_call, tf_call, to_numpy

_X = normal(BATCH, 3, 4, 5)
_I = integers(-4, 5, BATCH, 3, 4)
_TIES = literal([[1.0, 3.0, 3.0, 2.0], [-5.0, -5.0, -7.0, -7.0]])

_REDUCTIONS: dict[type[Op], str] = {
    ops.ReduceSum: "reduce_sum",
    ops.ReduceMean: "reduce_mean",
    ops.ReduceMax: "reduce_max",
    ops.ReduceMin: "reduce_min",
    ops.ReduceProd: "reduce_prod",
}
_LOGIC: dict[type[Op], str] = {ops.ReduceAny: "reduce_any", ops.ReduceAll: "reduce_all"}


def _reductions(kind: dict[type[Op], str], x: Any, label: str, **options: Any) -> list[Case]:
    return [Case(c(**_ours(options)), (x,), tf_call(n, **_theirs(options)), label) for c, n in kind.items()]


def _ours(options: dict[str, Any]) -> dict[str, Any]:
    return {"axes": options["axes"], "keepdims": options.get("keepdims", False)}


def _theirs(options: dict[str, Any]) -> dict[str, Any]:
    return {"axis": options["axes"], "keepdims": options.get("keepdims", False)}


_WHOLE = {c: n for c, n in _REDUCTIONS.items() if c is not ops.ReduceMean}

REDUCE = [
    *_reductions(_REDUCTIONS, _X, "last", axes=(-1,)),
    *_reductions(_REDUCTIONS, _X, "spatial", axes=(1, 2)),
    *_reductions(_REDUCTIONS, _X, "keepdims", axes=(1, 3), keepdims=True),
    *_reductions(_REDUCTIONS, _X, "all", axes=(0, 1, 2, 3)),
    *_reductions(_REDUCTIONS, _X, "none", axes=()),
    *_reductions(_WHOLE, _I, "i32", axes=(1,)),
    *_reductions(_LOGIC, booleans(BATCH, 3, 2), "last", axes=(-1,)),
    *_reductions(_LOGIC, booleans(BATCH, 3, 2), "keepdims", axes=(0, 1), keepdims=True),
    Case(ops.ReduceMax((1,)), (normal(BATCH, 0, 3),), tf_call("reduce_max", axis=1), "empty"),
    Case(ops.ArgMax(-1), (_X,), tf_call("argmax", axis=-1)),
    Case(ops.ArgMin(-1), (_X,), tf_call("argmin", axis=-1)),
    Case(ops.ArgMax(1, DType.I64), (_X,), tf_call("argmax", axis=1), "i64"),
    Case(ops.ArgMax(1, keepdims=True), (_TIES,), lambda x: np.array([[1], [0]]), "ties"),
    Case(ops.ArgMin(1), (_TIES,), lambda x: np.array([0, 2]), "ties"),
    *(Case(ops.CumSum(a, e, r), (_X,), tf_call("cumsum", axis=a, exclusive=e, reverse=r), f"{a}{'e' * e}{'r' * r}")
      for a in (1, 3) for e in (False, True) for r in (False, True)),
    Case(ops.CumSum(1), (_I,), tf_call("cumsum", axis=1), "i32"),
    *(Case(ops.CumProd(2, e, r), (_X,), tf_call("math.cumprod", axis=2, exclusive=e, reverse=r), f"{'e' * e}{'r' * r}")
      for e in (False, True) for r in (False, True)),
    *(Case(ops.CumProd(1, e, r), (normal(BATCH, LENGTH, 3),), tf_call("math.cumprod", axis=1, exclusive=e, reverse=r),
           f"open{'e' * e}{'r' * r}") for e in (False, True) for r in (False, True)),
    Case(ops.CumProd(0), (integers(-2, 3, LENGTH),), tf_call("math.cumprod"), "open_i32"),
    Case(ops.TopK(3), (normal(BATCH, 4, 6),), tf_call("math.top_k", k=3)),
    Case(ops.TopK(LENGTH), (normal(BATCH, 3, LENGTH),), tf_call("math.top_k", k=5), "all"),
    Case(ops.TopK(LENGTH - 2), (normal(BATCH, LENGTH),), tf_call("math.top_k", k=3), "all_but_two"),
    Case(ops.TopK(4), (_TIES,), tf_call("math.top_k", k=4), "ties"),
    Case(ops.TopK(2), (integers(-3, 3, BATCH, 6),), tf_call("math.top_k", k=2), "i32"),
    Case(ops.Softmax(), (_X,), tf_call("nn.softmax")),
    Case(ops.Softmax(1), (_X,), tf_call("nn.softmax", axis=1), "axis"),
    Case(ops.Softmax(), (literal([[1e4, 0.0], [-1e4, -2e4]]),), lambda x: np.array([[1.0, 0.0], [1.0, 0.0]]), "far"),
    Case(ops.LogSoftmax(), (_X,), tf_call("nn.log_softmax")),
    Case(ops.LogSoftmax(1), (_X,), tf_call("nn.log_softmax", axis=1), "axis"),
    Case(ops.LogSoftmax(), (literal([[1e4, 0.0]]),), lambda x: np.array([[0.0, -1e4]]), "far"),
]  # fmt: skip


def _dense(activation: str) -> Any:
    def expected(x: Array, w: Array, *bias: Array) -> Array:
        return to_numpy(getattr(keras().activations, activation)(np.einsum("...k,kn->...n", x, w) + sum(bias)))

    return expected


def _einsum(formula: str) -> Any:
    return lambda a, b: np.einsum(formula, a, b)


MATMUL = [
    Case(ops.MatMul(), (normal(BATCH, 3), weight(3, 5)), _einsum("ij,jk"), "matrix"),
    Case(ops.MatMul(), (normal(BATCH, 3, 4), normal(BATCH, 4, 5)), _einsum("bij,bjk->bik"), "batch"),
    Case(ops.MatMul(transpose_a=True), (normal(BATCH, 4, 3), normal(BATCH, 4, 5)), _einsum("bji,bjk->bik"), "ta"),
    Case(
        ops.MatMul(transpose_b=True),
        (normal(BATCH, LENGTH, 4), normal(BATCH, LENGTH, 4)),
        _einsum("bij,bkj->bik"),
        "tb",
    ),
    Case(ops.MatMul(True, True), (normal(BATCH, 4, 3), normal(BATCH, 5, 4)), _einsum("bji,bkj->bik"), "both"),
    Case(ops.MatMul(), (normal(BATCH, 2, 3, 4), normal(2, 4, 5)), _einsum("abij,bjk->abik"), "broadcast"),
    Case(ops.MatMul(), (normal(BATCH, 1, 3, 4), normal(2, 4, 5)), _einsum("acij,bjk->abik"), "broadcast_both"),
    Case(ops.MatMul(), (normal(BATCH, LENGTH, 4), weight(4, 3)), _einsum("bij,jk->bik"), "constant"),
    Case(ops.MatMul(), (integers(-9, 9, BATCH, 3), integers(-9, 9, 3, 4)), _einsum("ij,jk"), "i32"),
    Case(ops.Dense(), (normal(BATCH, 6), weight(6, 4), weight(4)), _dense("linear")),
    Case(ops.Dense(), (normal(BATCH, 6), weight(6, 4)), _dense("linear"), "no_bias"),
    Case(ops.Dense(), (normal(BATCH, LENGTH, 6), weight(6, 4), weight(4)), _dense("linear"), "sequence"),
    *(
        Case(ops.Dense(name), (normal(BATCH, 6), weight(6, 4), weight(4)), _dense(name), name)
        for name in ops.ACTIVATIONS
    ),
]


def _group_norm(groups: int, epsilon: float) -> Any:
    def expected(x: Array, gamma: Array, beta: Array) -> Array:
        layer = keras().layers.GroupNormalization(groups, epsilon=epsilon, dtype=str(x.dtype))
        layer.build(x.shape)
        layer.set_weights([gamma, beta])
        return to_numpy(layer(x))

    return expected


def _layer_norm(axes: Any, epsilon: float) -> Any:
    def expected(x: Array, gamma: Array, beta: Array) -> Array:
        layer = keras().layers.LayerNormalization(axes, epsilon=epsilon, dtype=str(x.dtype))
        layer.build(x.shape)
        layer.set_weights([gamma, beta])
        return to_numpy(layer(x))

    return expected


def _batch_norm(x: Array, gamma: Array, beta: Array, mean: Array, variance: Array) -> Array:
    return to_numpy(keras().ops.batch_normalization(x, mean, variance, -1, beta, gamma, 1e-3))


_POSITIVE = constant(uniform(0.2, 3.0, 5))
_SHIFTED = Case(ops.RmsNorm((-1,), 1e-6), (_X, weight(5)), keras_call("ops.rms_normalization", axis=-1, epsilon=1e-6))

NORM = [
    Case(ops.BatchNorm(1e-3), (_X, weight(5), weight(5), weight(5), _POSITIVE), _batch_norm),
    Case(ops.LayerNorm((-1,), 1e-3), (_X, weight(5), weight(5)), _layer_norm(-1, 1e-3)),
    Case(ops.LayerNorm((2, 3), 1e-3), (_X, weight(4, 5), weight(4, 5)), _layer_norm((2, 3), 1e-3), "two"),
    Case(ops.LayerNorm((1,), 1e-6), (_X, weight(3), weight(3)), _layer_norm(1, 1e-6), "middle"),
    _SHIFTED,
    Case(
        ops.RmsNorm((1,), 0.1),
        (_X, weight(3)),
        lambda x, g: x / np.sqrt((x**2).mean(1, keepdims=True) + 0.1) * g[:, None, None],
        "middle",
    ),
    Case(ops.GroupNorm(2, 1e-3), (normal(BATCH, 3, 4, 6), weight(6), weight(6)), _group_norm(2, 1e-3)),
    Case(ops.GroupNorm(3, 1e-5), (normal(BATCH, LENGTH, 6), weight(6), weight(6)), _group_norm(3, 1e-5), "sequence"),
    Case(ops.GroupNorm(4, 1e-3), (normal(BATCH, 3, 4), weight(4), weight(4)), _group_norm(4, 1e-3), "instance"),
]

CASES = [*REDUCE, *MATMUL, *NORM]
