"""What a single sample is compared with: the model's own word for it, whatever Keras makes of a batch of one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kexport.capture.capturing import capture
from tests.capture.agree import agree, normal
from tests.capture.layer_of import layer_of


def test_rows_that_meet_are_asked_about_alone(keras: Any) -> None:
    x = keras.Input((4,))
    ops = keras.ops
    likeness = layer_of(keras, lambda a: ops.matmul(a, ops.transpose(a)))(x)
    shares = layer_of(keras, lambda a: ops.softmax(a, axis=0))(x)
    captured = agree(keras.Model(x, [likeness, shares]), [normal(1, 4)], [normal(3, 4, seed=1)])
    single = captured.source.run([normal(1, 4)])
    assert single[0].shape == (1, 1)
    np.testing.assert_array_equal(single[1], np.ones((1, 4), np.float32))


def test_rows_that_stay_apart_are_asked_about_twice(keras: Any) -> None:
    """Keras 3.15 takes [1, n, 1] for a bias of the last axis where it has n elements."""
    x = keras.Input((3, 3))
    moved = layer_of(keras, lambda a: keras.ops.add(a, keras.ops.sum(a, axis=2, keepdims=True)))(x)
    agree(keras.Model(x, moved), [normal(1, 3, 3)], [normal(4, 3, 3, seed=1)])


def test_many_models_are_no_reason_to_warn(keras: Any, caplog: pytest.LogCaptureFixture) -> None:
    import tensorflow as tf

    tf.get_logger().addHandler(caplog.handler)
    try:
        for n in range(2, 9):
            run = capture(keras.Sequential([keras.Input((n,)), keras.layers.Dense(3)])).source.run
            run([normal(2, n)])
    finally:
        tf.get_logger().removeHandler(caplog.handler)
    assert not caplog.records
