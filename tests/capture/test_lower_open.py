"""Transforms and bands whose sizes are those of the input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kexport.capture.capturing import capture
from kexport.errors import UnsupportedError
from tests.capture.agree import agree, normal
from tests.capture.layer_of import layer_of


def test_transforms_and_bands_of_any_length(keras: Any) -> None:
    import tensorflow as tf

    def planes(x: Any) -> Any:
        wave = tf.signal.fft2d(tf.complex(x, tf.zeros_like(x)))
        return [tf.math.real(wave), tf.math.imag(wave), tf.math.real(tf.signal.ifft2d(wave))]

    def band(x: Any) -> Any:
        square = tf.matmul(x, x, transpose_b=True)
        return tf.linalg.band_part(square, tf.minimum(tf.shape(x)[1], 2), -1)

    x = keras.Input((None, 4))
    model = keras.Model(x, [*layer_of(keras, planes)(x), layer_of(keras, band)(x)])
    agree(model, [normal(2, 6, 4)], [normal(1, 1, 4, seed=1)], [normal(3, 9, 4, seed=2)])


def test_orders_along_an_axis_of_any_length(keras: Any) -> None:
    ops = keras.ops

    def orders(x: Any) -> Any:
        values, places = ops.top_k(ops.swapaxes(x, 1, 2), ops.shape(x)[1] // 2 + 1)
        middle = [ops.median(x, axis=1), ops.quantile(x, 0.3, axis=1)]
        return [ops.sort(x, axis=1), ops.argsort(x, axis=1), *middle, values, places]

    x = keras.Input((None, 4))
    model = keras.Model(x, layer_of(keras, orders)(x))
    agree(model, [normal(2, 6, 4)], [normal(1, 1, 4, seed=1)], [normal(3, 9, 4, seed=2)])


def test_a_band_whose_width_may_be_negative_is_refused(keras: Any) -> None:
    import tensorflow as tf

    x = keras.Input((None, 4))
    square = layer_of(keras, lambda a: tf.linalg.band_part(tf.matmul(a, a, transpose_b=True), tf.shape(a)[1] - 3, 0))
    with pytest.raises(UnsupportedError, match="may be negative"):
        capture(keras.Model(x, square(x)))


def test_rows_of_lengths_of_their_own(keras: Any) -> None:
    import tensorflow as tf

    def rows(x: Any, n: Any) -> Any:
        steps = tf.shape(x)[1]
        return [
            tf.reverse_sequence(x, n, seq_axis=1),
            tf.reverse_sequence(tf.transpose(x, [2, 0, 1]), n, seq_axis=2, batch_axis=1),
            tf.sequence_mask(n, steps, dtype=x.dtype),
            keras.ops.one_hot(n, steps),
            tf.one_hot(tf.cast(x * 3, "int32"), steps, on_value=2.0, off_value=-1.0, axis=1),
            tf.one_hot(n, steps, on_value=True, off_value=False),
        ]

    x = keras.Input((None, 4))
    n = keras.Input((), dtype="int32")
    model = keras.Model([x, n], layer_of(keras, rows)(x, n))
    agree(model, [normal(3, 5, 4), np.array([0, 5, 3], "int32")], [normal(2, 9, 4, seed=1), np.array([2, 9], "int32")])


def test_a_series_moved_by_one_keeps_an_open_length(keras: Any) -> None:
    ops = keras.ops

    def moved(x: Any) -> Any:
        before = ops.concatenate([ops.zeros_like(x[:, :1]), x[:, :-1]], axis=1)
        return ops.where(x > before, x, -before)

    x = keras.Input((None, 4))
    half = keras.layers.MaxPooling1D()(x)
    captured = agree(keras.Model(x, layer_of(keras, moved)(half)), [normal(2, 7, 4)], [normal(1, 2, 4, seed=1)])
    assert str(captured.contract.inputs[0].type) == "f32[batch,length,4]"


def test_as_many_numbers_between_two_as_an_axis_is_long(keras: Any) -> None:
    import tensorflow as tf

    def placed(x: Any) -> Any:
        return x * tf.linspace(0.0, 1.0, tf.shape(x)[1])[None, :, None]

    x = keras.Input((None, 4))
    half = keras.layers.Conv1D(3, 3, strides=2, padding="same")(x)
    agree(keras.Model(x, layer_of(keras, placed)(half)), [normal(2, 7, 4)], [normal(1, 12, 4, seed=1)])


def test_blocks_at_computed_places(keras: Any) -> None:
    """As of a cache of keys and values, or of the window that a decoder looks at."""
    import tensorflow as tf

    k = keras.ops

    def blocks(x: Any, block: Any, i: Any, places: Any) -> Any:
        return [
            k.slice_update(x, [0, i, 0], block),
            k.slice_update(x, places, block[:, :, :2]),
            k.slice_update(x, (0, i, 1), block[:, :1, :2]),
            k.slice(x, [0, i, 1], [1, 3, 2]),
            tf.slice(x, [0, i, 0], [-1, 2, -1]),
            x[:, i],
            x[:, i : i + 2],
            x[:, i + 1 : i + 3, 1:],
            x[:, i : i + 4 : 2],
            x[:, 2 * i : 2 * (i + 1) - 1],
            x[:, i - 2 : i - 1],
            x[..., tf.newaxis, i - i : i - i + 1],
        ]

    x = keras.Input((7, 4))
    block = keras.Input((2, 4))
    i, places = (keras.Input(batch_shape=shape, dtype="int32") for shape in ((), (3,)))
    model = keras.Model([x, block, i, places], layer_of(keras, blocks)(x, block, i, places))
    for at, where in ((2, [0, 1, 2]), (0, [0, 3, 0]), (3, [0, 9, -9])):
        agree(model, [normal(2, 7, 4), normal(2, 2, 4, seed=1), np.array(at, "int32"), np.array(where, "int32")])


def test_a_slice_as_long_as_a_number_says_is_refused(keras: Any) -> None:
    x = keras.Input((7, 4))
    i = keras.Input(batch_shape=(), dtype="int32")
    with pytest.raises(UnsupportedError, match="the shape depends on the values of a tensor"):
        capture(keras.Model([x, i], layer_of(keras, lambda x, i: x[:, :i])(x, i)))


def test_what_is_cut_to_the_length_of_another_has_it(keras: Any) -> None:
    """As where a network goes down by halves and up again by doubles."""

    def cut(fine: Any, coarse: Any) -> Any:
        doubled = keras.ops.pad(keras.ops.repeat(coarse, 2, axis=1), ((0, 0), (0, 1), (0, 0)))
        return fine + doubled[:, : keras.ops.shape(fine)[1]]

    x = keras.Input((None, 3))
    model = keras.Model(x, layer_of(keras, cut)(x, keras.layers.MaxPooling1D(2)(x)))
    captured = agree(model, [normal(2, 5, 3)], [normal(2, 8, 3)])
    assert str(captured.contract.outputs[0].type) == "f32[batch,length,3]"
