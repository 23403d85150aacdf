"""Grids of training aware of quantization, against TensorFlow."""

from __future__ import annotations

from typing import Any

import pytest

from kexport.capture.capturing import capture
from kexport.errors import UnsupportedError
from tests.capture.agree import agree, normal
from tests.capture.layer_of import layer_of


def test_numbers_on_a_grid(keras: Any) -> None:
    import tensorflow as tf

    q = tf.quantization
    ends = [-1.0, 0.0, 0.4], [1.0, 2.0, 3.0]

    def grids(x: Any) -> Any:
        return [
            q.fake_quant_with_min_max_args(x, -1.3, 2.1),
            q.fake_quant_with_min_max_args(x, 0.1, 2.0, num_bits=4, narrow_range=True),
            q.fake_quant_with_min_max_vars(x, -3.0, -0.2),
            q.fake_quant_with_min_max_vars_per_channel(x, *ends),
            keras.quantizers.fake_quant_with_min_max_vars(x, *ends, num_bits=6, axis=-1),
        ]

    x = keras.Input((40, 3))
    agree(keras.Model(x, layer_of(keras, grids)(x)), [normal(50, 40, 3)])


def test_computed_ends_are_refused(keras: Any) -> None:
    import tensorflow as tf

    x = keras.Input((3,))
    moving = layer_of(
        keras, lambda a: tf.quantization.fake_quant_with_min_max_vars(a, tf.reduce_min(a), tf.reduce_max(a)), "moving"
    )
    with pytest.raises(UnsupportedError, match="moving: FakeQuantWithMinMaxVars: a grid whose ends are computed"):
        capture(keras.Model(x, moving(x)))
