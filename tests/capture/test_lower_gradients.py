"""Models that follow a gradient, against Keras."""

from __future__ import annotations

from typing import Any

import pytest

from kexport.capture.capturing import capture
from kexport.errors import UnsupportedError
from tests.capture.agree import agree, normal, randomize


def descent(keras: Any, activation: Any) -> Any:
    import tensorflow as tf

    class Descent(keras.layers.Layer):
        def __init__(self) -> None:
            super().__init__(name="descent")
            self.hidden = keras.layers.Dense(5, activation=activation)
            self.energy = keras.layers.Dense(1)

        def build(self, shape: Any) -> None:
            self.hidden.build(shape)
            self.energy.build((None, 5))

        def call(self, x: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(x)
                energy = tf.reduce_sum(self.energy(self.hidden(x)))
            return x - 0.1 * tape.gradient(energy, x)

        def compute_output_shape(self, shape: Any) -> Any:
            return shape

    x = keras.Input((3,))
    return randomize(keras.Model(x, Descent()(x)))


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu", "leaky_relu", "elu", "softplus"])
def test_a_step_down_an_energy(keras: Any, activation: str) -> None:
    agree(descent(keras, activation), [normal(4, 3)])


def test_other_gradients_are_refused(keras: Any) -> None:
    with pytest.raises(UnsupportedError, match="descent: SeluGrad: a gradient is followed inside the model"):
        capture(descent(keras, "selu"))
