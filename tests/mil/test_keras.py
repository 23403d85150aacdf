"""Packages that coremltools' own converter makes from Keras models, against Keras."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kexport_shared.mil

Make = Callable[[Any], Any]


def mlp(keras: Any) -> Any:
    """Dense layers."""
    layers = keras.layers
    return keras.Sequential(
        [keras.Input((12,)), layers.Dense(16, "relu"), layers.Dense(8, "tanh"), layers.Dense(4, "softmax")]
    )


def cnn(keras: Any) -> Any:
    """Convolutions of all kinds, norm and pooling."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((17, 14, 3)),
            layers.Conv2D(8, 3, strides=2, padding="same", activation="relu"),
            layers.BatchNormalization(),
            layers.DepthwiseConv2D(3, padding="same"),
            layers.ReLU(6.0),
            layers.MaxPooling2D(2, padding="same"),
            layers.Conv2DTranspose(6, 3, strides=2, padding="same"),
            layers.AveragePooling2D(3, strides=2, padding="same"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(5, "sigmoid"),
        ]
    )


def encoder(keras: Any) -> Any:
    """An embedding, self-attention and layer norm."""
    layers = keras.layers
    tokens = keras.Input((6,), dtype="int32")
    x = layers.Embedding(20, 8)(tokens)
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 4)(x, x))
    y = layers.Dense(8)(layers.Dense(16, "silu")(x))
    return keras.Model(tokens, layers.LayerNormalization()(x + y))


def pieces(keras: Any) -> Any:
    """Padding, cropping, upsampling, concatenation, 1-D convolution."""
    layers = keras.layers
    image = keras.Input((8, 8, 2))
    x = layers.UpSampling2D(2)(layers.ZeroPadding2D((1, 2))(image))
    x = layers.Concatenate()([layers.Cropping2D(3)(x), layers.Cropping2D(3)(layers.LeakyReLU()(x))])
    x = layers.Reshape((-1, 8))(x)
    return keras.Model(image, layers.Conv1D(4, 5, dilation_rate=2, padding="causal", activation="elu")(x))


def convert(model: Any, path: Path, target: str, half: bool) -> kexport_shared.mil.Program:
    """The package coremltools makes from a concrete function of the model."""
    import coremltools as ct
    import tensorflow as tf

    spec = model.inputs[0]
    size = (2, *spec.shape[1:])
    function = tf.function(model.call, autograph=False)
    concrete = function.get_concrete_function(tf.TensorSpec(size, spec.dtype))
    precision = ct.precision.FLOAT16 if half else ct.precision.FLOAT32
    made = ct.convert(
        [concrete],
        source="tensorflow",
        convert_to="mlprogram",
        minimum_deployment_target=getattr(ct.target, target),
        compute_precision=precision,
        inputs=[ct.TensorType(shape=size, dtype=np.int32 if spec.dtype == "int32" else np.float32)],
    )
    made.save(str(path))
    return kexport_shared.mil.load(path)


@pytest.fixture(scope="module")
def keras() -> Any:
    """Keras on TensorFlow."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    import keras

    return keras


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "target"),
    [
        (mlp, "iOS15"),
        (mlp, "iOS17"),
        (cnn, "iOS15"),
        (cnn, "iOS16"),
        (cnn, "iOS17"),
        (cnn, "iOS18"),
        (encoder, "iOS16"),
        (encoder, "iOS18"),
        (pieces, "iOS15"),
        (pieces, "iOS17"),
    ],
)
def test_equals_keras(keras: Any, tmp_path: Path, make: Make, target: str) -> None:
    keras.utils.set_random_seed(5)
    model = make(keras)
    shape = (2, *model.inputs[0].shape[1:])
    random = np.random.default_rng(3)
    whole = model.inputs[0].dtype == "int32"
    x = random.integers(0, 20, shape).astype(np.int32) if whole else random.normal(size=shape).astype(np.float32)
    expected = model(x, training=False).numpy()

    program = convert(model, tmp_path / "m.mlpackage", target, half=False)
    name = program.inputs[0].name
    for mode, tolerance in (("float64", 2e-6), ("float32", 5e-6)):
        (got,) = program.run({name: x}, mode=mode).values()
        assert np.max(np.abs(got - expected)) < tolerance * max(1.0, np.max(np.abs(expected)))

    halved = convert(model, tmp_path / "h.mlpackage", target, half=True)
    (rough,) = halved.run({name: x}, mode="float16").values()
    error = np.max(np.abs(rough - expected))
    assert 0 < error < 2e-2 * max(1.0, np.max(np.abs(expected)))
    assert halved.overflows == []
