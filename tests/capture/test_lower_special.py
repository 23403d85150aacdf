"""Special functions, losses and complex tensors against predict()."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from kexport.capture.capturing import capture
from kexport.errors import UnsupportedError
from tests.capture.agree import agree, integers, normal
from tests.capture.layer_of import layer_of

EDGES = np.array([[0.0, -0.0, 1.0, -1.0, 0.999999, -0.999999, 1e-7, -1e-7]], np.float32)
CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "view_as_complex": lambda k, x: k.abs(k.view_as_complex(k.reshape(x, (-1, 4, 2)))),
    "view_as_real": lambda k, x: k.view_as_real(k.view_as_complex(k.reshape(x, (-1, 4, 2)))),
    "angle": lambda k, x: k.angle(k.view_as_complex(k.reshape(x, (-1, 4, 2)))),
    "moved": lambda k, x: k.real(k.transpose(k.view_as_complex(k.reshape(x, (-1, 2, 2, 2))), (0, 2, 1))),
    "product": lambda k, x: k.imag(k.square(k.view_as_complex(k.reshape(x, (-1, 4, 2))))),
    "sum": lambda k, x: k.imag(k.sum(k.view_as_complex(k.reshape(x, (-1, 4, 2))), axis=1)),
    "cross entropy": lambda k, x: k.categorical_crossentropy(k.softmax(x), x[:, ::-1], from_logits=True),
    "trace above": lambda k, x: k.trace(k.reshape(x, (-1, 2, 4)), 2, axis1=1, axis2=2),
    "trace below": lambda k, x: k.trace(k.reshape(x, (-1, 4, 2)), -2, axis1=1, axis2=2),
    "nextafter": lambda k, x: k.nextafter(x, x[:, ::-1]),
}


@pytest.mark.parametrize("name", CALLS)
def test_calls(name: str, keras: Any) -> None:
    x = keras.Input((8,))
    agree(keras.Model(x, layer_of(keras, lambda v: CALLS[name](keras.ops, v))(x)), [normal(3, 8)])


@pytest.mark.parametrize("name", ["erfinv", "signbit", "i0"])
def test_edges(name: str, keras: Any) -> None:
    x = keras.Input((8,))
    agree(keras.Model(x, layer_of(keras, getattr(keras.ops, name))(x)), [EDGES], [normal(3, 8).clip(-1, 1)])


def test_i0_of_great_numbers(keras: Any) -> None:
    x = keras.Input((8,))
    y = layer_of(keras, lambda v: keras.ops.log(keras.ops.i0(v)))(x)
    agree(keras.Model(x, y), [np.linspace(-88, 88, 16, dtype=np.float32).reshape(2, 8)])


def test_a_label_is_a_number(keras: Any) -> None:
    x = keras.Input((8,))
    label = keras.Input((), dtype="int32")
    k = keras.ops
    y = layer_of(keras, lambda v, n: [k.sparse_categorical_crossentropy(n, v, True), k.in_top_k(n, v, 3)])(x, label)
    agree(keras.Model([x, label], y), [normal(6, 8), integers(6, high=8)])


def test_the_number_of_classes_has_to_be_fixed(keras: Any) -> None:
    x = keras.Input((None,))
    label = keras.Input((), dtype="int32")
    y = layer_of(keras, lambda v, n: keras.ops.sparse_categorical_crossentropy(n, v, from_logits=True))(x, label)
    with pytest.raises(UnsupportedError, match="give the last axis of the predictions a size"):
        capture(keras.Model([x, label], y))


def test_rows_that_are_not_finite_have_no_best(keras: Any) -> None:
    x = keras.Input((8,))
    label = keras.Input((), dtype="int32")
    y = layer_of(keras, lambda v, n: keras.ops.in_top_k(n, v, 8))(x, label)
    rows = normal(3, 8)
    rows[1, 2] = np.inf
    captured = agree(keras.Model([x, label], y), [rows, integers(3, high=8)])
    assert captured.source.run([rows, integers(3, high=8)])[0].tolist() == [True, False, True]


def test_other_arithmetic_on_complex_numbers_is_refused(keras: Any) -> None:
    import tensorflow as tf

    x = keras.Input((8,))
    y = layer_of(keras, lambda v: tf.math.real(tf.sinh(tf.complex(v, v))))(x)
    with pytest.raises(UnsupportedError, match="write it with real and imaginary parts"):
        capture(keras.Model(x, y))


def test_the_number_of_bins_has_to_be_known(keras: Any) -> None:
    x = keras.Input((8,), dtype="int32")
    y = layer_of(keras, lambda v: keras.ops.bincount(v, minlength=3))(x)
    with pytest.raises(UnsupportedError, match=r"count with keras.ops.sum\(keras.ops.one_hot"):
        capture(keras.Model(x, y))
