"""Linear algebra on small matrices of data against predict()."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kexport.capture.capturing import capture
from kexport.capture.lowering.linalg import LARGEST
from kexport.errors import UnsupportedError
from kexport.ir.op import Array
from tests.capture.agree import agree, normal, op_counts
from tests.capture.layer_of import layer_of

CALLS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "det": lambda k, a, b: k.det(a),
    "slogdet": lambda k, a, b: k.slogdet(a),
    "inv": lambda k, a, b: k.inv(a),
    "solve": lambda k, a, b: k.solve(a, b),
    "solve vector": lambda k, a, b: k.solve(a, b[..., 0]),
    "solve upper": lambda k, a, b: k.solve_triangular(definite(k, a), b),
    "solve lower": lambda k, a, b: k.solve_triangular(definite(k, a), b, lower=True),
    "solve a constant": lambda k, a, b: k.solve_triangular(definite(k, a), k.ones([1] * (len(a.shape) - 2) + [4, 2])),
    "cholesky": lambda k, a, b: k.cholesky(definite(k, a)),
    "cholesky upper": lambda k, a, b: k.cholesky(definite(k, a), upper=True),
    "cholesky_inverse": lambda k, a, b: k.cholesky_inverse(k.cholesky(definite(k, a))),
    "logdet": lambda k, a, b: k.logdet(definite(k, a)),
}


def definite(k: Any, a: Any) -> Any:
    """A positive definite matrix of any one."""
    return k.matmul(a, k.swapaxes(a, -1, -2)) + 2 * k.eye(4)


def feeds(*lead: int) -> list[Array]:
    return [normal(3, *lead, 4, 4), normal(3, *lead, 4, 5, seed=1)]


@pytest.mark.parametrize("lead", [(), (2,)], ids=["one", "several"])
@pytest.mark.parametrize("name", CALLS)
def test_of_data(name: str, lead: tuple[int, ...], keras: Any) -> None:
    a = keras.Input((*lead, 4, 4))
    b = keras.Input((*lead, 4, 5))
    y = layer_of(keras, lambda p, q: CALLS[name](keras.ops, p, q))(a, b)
    agree(keras.Model([a, b], y), feeds(*lead))


def test_rows_are_swapped_where_the_first_is_no_pivot(keras: Any) -> None:
    a = keras.Input((4, 4))
    y = layer_of(keras, lambda p: [keras.ops.inv(p), keras.ops.det(p)])(a)
    batch = normal(3, 4, 4)
    batch[:, 0, 0] = 0
    batch[:, 1:3, 1] = 1e-9
    agree(keras.Model(a, y), [batch])


def test_the_determinant_of_a_singular_matrix_is_zero(keras: Any) -> None:
    a = keras.Input((4, 4))
    batch = normal(3, 4, 4)
    batch[:, :, 2] = 0
    agree(keras.Model(a, layer_of(keras, keras.ops.det)(a)), [batch])


def test_tensorflow_solves_with_the_transpose(keras: Any) -> None:
    import tensorflow as tf

    a = keras.Input((4, 4))
    b = keras.Input((4, 5))

    def call(p: Any, q: Any) -> Any:
        lower = tf.linalg.band_part(p, -1, 0) + 2 * tf.eye(4)
        solved = tf.linalg.triangular_solve(lower, q, adjoint=True)
        return [tf.linalg.solve(p, q, adjoint=True), tf.linalg.inv(p, adjoint=True), solved]

    agree(keras.Model([a, b], layer_of(keras, call)(a, b)), feeds())


def test_of_constants_nothing_is_left(keras: Any) -> None:
    size = LARGEST + 4
    matrix = normal(size, size)
    x = keras.Input((size,))
    model = keras.Model(x, layer_of(keras, lambda p: keras.ops.matmul(p, keras.ops.inv(matrix)))(x))
    captured = agree(model, [normal(3, size, seed=1)], tolerance=1e-3)
    assert op_counts(captured).total() == 1


def test_large_matrices_are_refused_with_the_way_out(keras: Any) -> None:
    x = keras.Input((LARGEST + 1, LARGEST + 1))
    with pytest.raises(UnsupportedError) as e:
        capture(keras.Model(x, layer_of(keras, keras.ops.inv, "inverse")(x)))
    (item,) = e.value.items
    assert (item.where, item.op) == ("inverse", "MatrixInverse")
    assert item.reason.startswith(
        f"linear algebra on matrices of {LARGEST + 1} x {LARGEST + 1}: it is written out up to"
    )
    assert item.reason.endswith("compute it around the model, and make its result an input")
