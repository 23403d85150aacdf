"""Small Keras models, and one export of one of them that tests only read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


def small_cnn(name: str = "small") -> Any:
    """A CNN with a named input, batch norm and two outputs."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(5)
    image = keras.Input((8, 8, 1), name="image")
    x = layers.Conv2D(4, 3, padding="same", name="conv")(image)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.ReLU(name="relu")(x)
    x = layers.Flatten(name="flatten")(layers.MaxPooling2D(name="pool")(x))
    digit = layers.Dense(10, activation="softmax", name="digit")(x)
    score = layers.Dense(1, name="score")(x)
    return keras.Model(image, {"digit": digit, "score": score}, name=name)


@pytest.fixture(scope="session")
def model() -> Any:
    return small_cnn()


@pytest.fixture(scope="session")
def exported(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the verified ONNX artifact of the small CNN. Not to be changed: copy it."""
    import kexport

    out = tmp_path_factory.mktemp("exported") / "dist"
    report = kexport.export(model, to=["onnx"], out=out)
    assert report.ok, report.artifacts[0].reason
    return out
