"""The models of these references, with weights that are the same on every backend of Keras and on every machine.

    python -m samples.references.models FOLDER        # writes cnn.keras, lstm.keras, encoder.keras, mobilenet.keras

A machine with a GPU records them (it needs Keras on JAX or PyTorch, and no TensorFlow):

    kexport reference FOLDER/lstm.keras --backend jax --device gpu -o samples/references/lstm.jax.gpu.safetensors
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from samples.digits import build as build_cnn


def lstm() -> Any:
    """Token ids of any length with padding, through two recurrent layers."""
    import keras
    from keras import layers

    ids = keras.Input((None,), dtype="int32", name="ids")
    x = layers.Embedding(100, 16, mask_zero=True, name="words")(ids)
    x = layers.Bidirectional(layers.LSTM(16, return_sequences=True, name="both"), name="bidirectional")(x)
    x = layers.LSTM(16, name="last")(x)
    return keras.Model(ids, layers.Dense(3, activation="softmax", name="class")(x), name="lstm")


def encoder() -> Any:
    """Two transformer blocks on sequences of any length."""
    import keras
    from keras import layers

    x = rows = keras.Input((None, 32), name="rows")
    for i in range(2):
        y = layers.LayerNormalization(epsilon=1e-5, name=f"norm{i}a")(x)
        x = layers.Add(name=f"sum{i}a")([x, layers.MultiHeadAttention(4, 8, name=f"attention{i}")(y, y)])
        y = layers.LayerNormalization(epsilon=1e-5, name=f"norm{i}b")(x)
        y = layers.Dense(32, name=f"down{i}")(layers.Dense(64, activation="gelu", name=f"up{i}")(y))
        x = layers.Add(name=f"sum{i}b")([x, y])
    x = layers.GlobalAveragePooling1D(name="pool")(x)
    return keras.Model(rows, layers.Dense(5, activation="softmax", name="class")(x), name="encoder")


def mobilenet() -> Any:
    """MobileNetV2 on small images."""
    import keras

    applications: Any = keras.applications
    return applications.MobileNetV2(weights=None, input_shape=(96, 96, 3), classes=10, name="mobilenet")


MODELS: dict[str, Callable[[], Any]] = {"cnn": build_cnn, "lstm": lstm, "encoder": encoder, "mobilenet": mobilenet}


def build(name: str) -> Any:
    """A model whose weights come from NumPy's generator, not from a backend's initializers."""
    import keras

    keras.utils.clear_session()  # Keras numbers the parts that have no name from 1 again
    model = MODELS[name]()
    random = np.random.default_rng(2026)
    for weight in model.weights:
        shape = tuple(weight.shape)
        if "variance" in weight.name or weight.name == "gamma":
            weight.assign(random.uniform(0.8, 1.2, shape))
        elif len(shape) > 1:
            weight.assign(random.normal(0, 1 / np.sqrt(np.prod(shape[:-1])), shape))
        elif "seed" not in weight.path:
            weight.assign(random.normal(0, 0.05, shape))
    return model


def main() -> None:
    """Write all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for name in MODELS:
        build(name).save(folder / f"{name}.keras")


if __name__ == "__main__":
    main()
