"""Small models of one layer or a few, where the stock TF Lite converter's default output is slow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def _image(make: Callable[[Any], list[Any]], size: int = 64, channels: int = 64) -> Callable[[], Any]:
    """A model of the layers that `make(layers)` gives, on images."""
    return _chain(make, (size, size, channels))


def _sequence(make: Callable[[Any], list[Any]], length: int = 128, channels: int = 64) -> Callable[[], Any]:
    """A model of the layers that `make(layers)` gives, on sequences."""
    return _chain(make, (length, channels))


def _chain(make: Callable[[Any], list[Any]], shape: tuple[int, ...]) -> Callable[[], Any]:
    def build() -> Any:
        import keras
        from keras import layers

        x = inputs = keras.Input(shape)
        for layer in make(layers):
            x = layer(x)
        return keras.Model(inputs, x)

    return build


def encoder(blocks: int = 2) -> Any:
    """Transformer encoder blocks; the batch is dynamic."""
    import keras
    from keras import layers

    width = 128
    x = inputs = keras.Input((64, width))
    for _ in range(blocks):
        y = layers.LayerNormalization()(x)
        x = layers.Add()([x, layers.MultiHeadAttention(4, width // 4)(y, y)])
        y = layers.LayerNormalization()(x)
        y = layers.Dense(4 * width, activation="gelu")(y)
        x = layers.Add()([x, layers.Dense(width)(y)])
    return keras.Model(inputs, x)


PATTERNS: dict[str, Callable[[], Any]] = {
    "dilated conv": _image(lambda k: [k.Conv2D(64, 3, padding="same", dilation_rate=2, activation="relu")]),
    "dilated depthwise": _image(lambda k: [k.DepthwiseConv2D(3, padding="same", dilation_rate=2, activation="relu")]),
    "transposed conv": _image(lambda k: [k.Conv2DTranspose(32, 3, strides=2, padding="same", activation="relu")]),
    "nearest upsampling": _image(lambda k: [k.UpSampling2D(2, interpolation="nearest")], 16, 256),
    "upsampling in a net": _image(
        lambda k: [k.Conv2D(64, 1, activation="relu"), k.UpSampling2D(2, interpolation="nearest"), k.Conv2D(8, 1)]
    ),
    "3-D dense": _sequence(lambda k: [k.Dense(128, activation="relu"), k.Dense(128, activation="relu"), k.Dense(64)]),
    "causal conv1d": _sequence(
        lambda k: [k.Conv1D(64, 3, padding="causal", dilation_rate=d, activation="relu") for d in (1, 2, 4)]
    ),
    "encoder": encoder,
}
"""By name; every batch is dynamic."""

RECURRENT: dict[str, Callable[[], Any]] = {
    "lstm": _sequence(lambda k: [k.LSTM(64)], 100, 32),
    "gru": _sequence(lambda k: [k.GRU(64)], 100, 32),
    "stacked bidirectional lstm": _sequence(
        lambda k: [k.Bidirectional(k.LSTM(64, return_sequences=True)), k.Bidirectional(k.LSTM(64))], 100, 32
    ),
    "masked lstm": _sequence(lambda k: [k.Masking(), k.LSTM(64)], 100, 32),
    "conv lstm": _chain(lambda k: [k.ConvLSTM2D(16, 3, padding="same")], (8, 16, 16, 8)),
}
"""Recurrent layers of 64 units on 100 steps; how the peers say them differs much."""
