"""Models that draw random numbers in every run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.capture.layer_of import layer_of


def drawing_layer(keras: Any, draw: Callable[[Any, Any], Any], name: str | None = None) -> Any:
    """A layer with a seed generator of its own: `draw(seed, tensor)`."""

    class Drawing(keras.layers.Layer):
        def __init__(self) -> None:
            super().__init__(name=name)
            self.seed = keras.random.SeedGenerator(7)

        def call(self, x: Any) -> Any:
            return draw(self.seed, x)

    return Drawing()


def sampling_model(keras: Any) -> Any:
    """An autoencoder that samples its code, with the mean of it; and classes drawn by the code."""
    layers = keras.layers
    ops = keras.ops
    keras.utils.set_random_seed(2)
    x = keras.Input((6,), name="x")
    mean = layers.Dense(3, name="mean")(x)
    spread = layers.Dense(3, name="spread")(x)
    joined = layers.Concatenate(name="both")([mean, spread])

    def sample(seed: Any, both: Any) -> Any:
        centre, log_variance = ops.split(both, 2, axis=-1)
        return centre + ops.exp(0.5 * log_variance) * keras.random.normal(ops.shape(centre), seed=seed)

    code = drawing_layer(keras, sample, "code")(joined)
    kind = drawing_layer(keras, lambda seed, c: keras.random.categorical(3 * c, 5, seed=seed), "kind")(code)
    image = layers.Dense(4, activation="sigmoid", name="image")(code)
    plain = layer_of(keras, lambda m: m * 2, "plain")(mean)
    return keras.Model(x, {"plain": plain, "image": image, "kind": kind}, name="sampling")
