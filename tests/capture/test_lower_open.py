"""Transforms and bands whose sizes are those of the input."""

from __future__ import annotations

from typing import Any

import pytest

from kexport.capture.capture import capture
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


def test_a_band_whose_width_may_be_negative_is_refused(keras: Any) -> None:
    import tensorflow as tf

    x = keras.Input((None, 4))
    square = layer_of(keras, lambda a: tf.linalg.band_part(tf.matmul(a, a, transpose_b=True), tf.shape(a)[1] - 3, 0))
    with pytest.raises(UnsupportedError, match="may be negative"):
        capture(keras.Model(x, square(x)))
