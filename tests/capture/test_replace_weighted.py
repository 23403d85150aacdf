"""A layer that has weights in the file is not replaced by what has none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import pytest

from kexport.capture.load import load
from kexport.capture.reading import Reading
from kexport.errors import ConfigError


def model(middle: Any) -> Any:
    i = keras.Input((4,), name="x")
    return keras.Model(i, keras.layers.Dense(4, name="last")(middle(i)), name="m")


def opened(made: Any, file: Path, replace: dict[str, str]) -> Any:
    made.save(file)
    return load(str(file), Reading(replace=replace))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("first", [4, 3])
def test_weights_would_be_lost(tmp_path: Path, suffix: str, first: int) -> None:
    """Of equal shapes, the layer behind would take them in silence."""
    with pytest.raises(ConfigError, match="layer 'middle' cannot be replaced: the file holds weights of a Dense") as e:
        opened(model(keras.layers.Dense(first, name="middle")), tmp_path / f"m{suffix}", {"middle": "x*2"})
    assert "--custom" in str(e.value.hint)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_layer_of_keras_2_too(tmp_path: Path, suffix: str) -> None:
    old = pytest.importorskip("tf_keras")
    i = old.Input((4,))
    made = old.Model(i, old.layers.Dense(4)(old.layers.Dense(4, name="middle")(i)))
    with pytest.raises(ConfigError, match="layer 'middle' cannot be replaced"):
        opened(made, tmp_path / f"m{suffix}", {"middle": "x*2"})


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_one_without_weights_is_replaced(tmp_path: Path, suffix: str) -> None:
    source = opened(model(keras.layers.Activation("relu", name="middle")), tmp_path / f"m{suffix}", {"middle": "x*2"})
    kernel = source.model.get_layer("last").get_weights()[0]
    assert kernel.shape == (4, 4)
