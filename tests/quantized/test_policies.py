"""Models of mixed precision: verified on every target."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import kexport
from kexport.target import targets
from tests.capture.agree import randomize


def _images(keras: Any) -> Any:
    layers = keras.layers
    photo = keras.Input((12, 12, 3))
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(8, 3, padding="same")(photo)))
    x = layers.GlobalAveragePooling2D()(layers.SeparableConv2D(8, 3)(x))
    return keras.Model(photo, layers.Dense(4, dtype="float32", activation="softmax")(x))


def _sequences(keras: Any) -> Any:
    layers = keras.layers
    steps = keras.Input((None, 16))
    x = layers.LayerNormalization()(steps + layers.MultiHeadAttention(2, 8)(steps, steps))
    return keras.Model(steps, layers.Dense(5)(layers.Dense(32, activation="gelu")(x)))


def _recurrent(keras: Any) -> Any:
    steps = keras.Input((6, 8))
    return keras.Model(steps, keras.layers.LSTM(8)(keras.layers.GRU(8, return_sequences=True)(steps)))


@pytest.fixture(params=["mixed_float16", "mixed_bfloat16"])
def keras(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Keras under a policy."""
    from kexport.capture.sources.frameworks import import_keras

    found = import_keras()
    before = found.config.dtype_policy()
    found.config.set_dtype_policy(request.param)
    yield found
    found.config.set_dtype_policy(before)


@pytest.mark.slow
@pytest.mark.parametrize("make", [_images, _sequences, _recurrent])
def test_verified(make: Callable[[Any], Any], keras: Any, tmp_path: Path) -> None:
    installed = [name for name, target in targets().items() if not target.missing()]
    report = kexport.export(randomize(make(keras)), installed, tmp_path, name="m")
    assert {a.target: a.reason for a in report.artifacts if a.status not in ("verified", "simulated")} == {}
