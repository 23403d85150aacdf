"""Whole models in Core ML packages: every system they may be made for, both precisions, against Keras."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kexport
import kexport_shared.mil
from tests.benchmarks.patterns import encoder
from tests.capture.agree import randomize

ALLOWED = {"float32": 1e-4, "float16": 4e-2}
"""Of the range of the output."""


def cnn() -> Any:
    from keras import Input, Sequential, layers

    return Sequential(
        [
            Input((28, 28, 1)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )


def mlp() -> Any:
    from keras import Input, Sequential, layers

    return Sequential(
        [
            Input((20,)),
            layers.Dense(32, activation="gelu"),
            layers.BatchNormalization(),
            layers.Dense(3),
        ]
    )


def mobilenet() -> Any:
    from keras.applications import MobileNetV2

    return MobileNetV2((64, 64, 3), alpha=0.35, weights=None, classes=10)


def convnext() -> Any:
    from keras.applications import ConvNeXtTiny

    return ConvNeXtTiny(input_shape=(32, 32, 3), weights=None, classes=10)


MODELS: dict[str, Callable[[], Any]] = {
    "cnn": cnn,
    "mlp": mlp,
    "mobilenet": mobilenet,
    "convnext": convnext,
    "encoder": encoder,
}


PAIRS = [(n, f"ios{d}") for n in MODELS for d in (15, 16, 17, 18) if n != "convnext" or d in (15, 18)]
"""ConvNeXtTiny takes seconds: the oldest system and the newest are enough for it."""


@cache
def made(name: str) -> tuple[Any, Any, Any]:
    """The model, inputs, and what Keras answers."""
    model = MODELS[name]()
    model = model if name == "convnext" else randomize(model)
    inputs = np.random.default_rng(0).uniform(-1, 1, (2, *model.input_shape[1:])).astype("float32")
    return model, inputs, np.asarray(model(inputs, training=False))


@pytest.mark.parametrize("precision", ALLOWED)
@pytest.mark.parametrize(("name", "deployment"), PAIRS)
def test_a_model_in_a_package(name: str, deployment: str, precision: str, tmp_path: Path) -> None:
    model, inputs, expected = made(name)
    options = {"coreml": {"deployment": deployment, "precision": precision}}
    report = kexport.export(model, to=["coreml"], out=tmp_path, verify=False, options=options)
    program = kexport_shared.mil.load(report.artifacts[0].path)
    (found,) = program.run({program.inputs[0].name: inputs}, mode=precision).values()
    assert found.shape == expected.shape
    scale = float(np.ptp(expected))
    assert scale > 1e-3
    assert float(np.abs(found - expected).max()) <= ALLOWED[precision] * scale
