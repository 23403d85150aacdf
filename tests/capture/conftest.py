"""Keras, loaded once for all tests of this room, and small models and files that they share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def keras() -> Any:
    """Keras 3 on TensorFlow."""
    from kexport.capture.sources.frameworks import import_keras

    return import_keras()


@pytest.fixture(scope="session")
def tf_keras() -> Any:
    """Keras 2."""
    from kexport.capture.sources.frameworks import import_tf_keras

    return import_tf_keras()


@pytest.fixture(scope="session")
def dense_file(keras: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A .keras file of one Dense layer `out` on an input `x`."""
    x = keras.Input((3,), name="x")
    model = keras.Model(x, keras.layers.Dense(2, name="out")(x), name="small")
    path = tmp_path_factory.mktemp("dense") / "dense.keras"
    model.save(path)
    return path
