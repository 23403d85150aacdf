"""A small net with a GELU in its middle."""

from __future__ import annotations

from typing import Any


def build() -> Any:
    """Two convolutions, a norm, a GELU and a head."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((16, 16, 3), name="image"),
            layers.Conv2D(8, 3, padding="same", activation="relu", name="stem"),
            layers.Conv2D(16, 3, strides=2, padding="same", name="down"),
            layers.BatchNormalization(name="down_norm"),
            layers.LayerNormalization(name="norm"),
            layers.Activation("gelu", name="gelu"),
            layers.GlobalAveragePooling2D(name="pool"),
            layers.Dense(10, activation="softmax", name="digit"),
        ],
        name="red",
    )
