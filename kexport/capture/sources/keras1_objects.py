"""Layers of Keras 1 that later ones lack, as layers of Keras 2."""

from __future__ import annotations

from typing import Any

import tf_keras


class Highway(tf_keras.layers.Layer):
    """t * activation(x w + b) + (1 - t) * x, with t = sigmoid(x wt + bt)."""

    def __init__(self, activation: str = "linear", use_bias: bool = True, **options: Any):
        super().__init__(**options)
        self.activation: Any = tf_keras.activations.get(activation)
        self.use_bias = use_bias

    def build(self, shape: Any) -> None:
        width = shape[-1]
        self.kernel = self.add_weight(name="W", shape=(width, width))
        self.gate = self.add_weight(name="W_carry", shape=(width, width))
        self.bias = self.add_weight(name="b", shape=(width,)) if self.use_bias else None
        self.gate_bias = self.add_weight(name="b_carry", shape=(width,)) if self.use_bias else None
        self.built = True

    def call(self, x: Any) -> Any:
        y = x @ self.kernel
        gate = x @ self.gate
        if self.use_bias:
            y = y + self.bias
            gate = gate + self.gate_bias
        gate = tf_keras.activations.sigmoid(gate)
        return gate * self.activation(y) + (1 - gate) * x


class MaxoutDense(tf_keras.layers.Layer):
    """The largest of several dense layers."""

    def __init__(self, units: int, nb_feature: int = 4, use_bias: bool = True, **options: Any):
        super().__init__(**options)
        self.units = units
        self.nb_feature = nb_feature
        self.use_bias = use_bias

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(name="W", shape=(self.nb_feature, shape[-1], self.units))
        self.bias = self.add_weight(name="b", shape=(self.nb_feature, self.units)) if self.use_bias else None
        self.built = True

    def call(self, x: Any) -> Any:
        y = tf_keras.backend.expand_dims(x, 0) @ self.kernel
        if self.use_bias:
            y = y + tf_keras.backend.expand_dims(self.bias, 1)
        return tf_keras.backend.max(y, axis=0)
