"""A small CNN as a file, and what Keras on TensorFlow answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kexport.evidence.batches import Batch
from kexport.evidence.reference_file import Reference
from kexport.reference.here import Request, record_here

CPU = "cpu"


@pytest.fixture(scope="session")
def keras() -> Any:
    """Keras 3 on TensorFlow, in this process."""
    from kexport.capture.sources.frameworks import import_keras

    return import_keras()


@pytest.fixture(scope="session")
def cnn(keras: Any) -> Any:
    """Two outputs, a nested model, batch normalization with statistics of its own."""
    keras.utils.set_random_seed(3)
    layers = keras.layers
    inner = keras.Sequential(
        [keras.Input((None, None, 6)), layers.BatchNormalization(name="norm"), layers.ReLU(name="relu")], name="block"
    )
    x = keras.Input((None, None, 3), name="image")
    h = inner(layers.Conv2D(6, 3, padding="same", strides=2, name="conv")(x))
    probs = layers.Dense(5, activation="softmax", name="probs")(layers.GlobalAveragePooling2D(name="pool")(h))
    model = keras.Model(x, {"probs": probs, "features": h}, name="cnn")
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(np.abs(rng.normal(0.5, 0.3, weight.shape)))
    return model


@pytest.fixture(scope="session")
def cnn_file(cnn: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cnn") / "cnn.keras"
    cnn.save(path)
    return path


@pytest.fixture(scope="session")
def batches() -> list[Batch]:
    rng = np.random.default_rng(1)
    sizes = [{"batch": 1, "height": 8, "width": 6}, {"batch": 2, "height": 5, "width": 9}]
    return [
        Batch(f"random-{i}", "random", s, {"image": rng.standard_normal((*s.values(), 3)).astype(np.float32)}, i)
        for i, s in enumerate(sizes)
    ]


@pytest.fixture(scope="session")
def recorded(cnn: Any, batches: list[Batch]) -> Reference:
    """The CNN on TensorFlow in this process, with its layers."""
    return record_here(cnn, Request(batches=batches, layers=True))
