"""The families of keras.applications at small sizes, with weights that leave nothing out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kexport.ir.evaluator import evaluate
from tests.capture.agree import agree, op_counts

FAMILIES = {
    "MobileNetV2": 64,
    "MobileNetV3Small": 64,
    "EfficientNetB0": 64,
    "EfficientNetV2B0": 64,
    "ResNet50": 64,
    "ResNet50V2": 64,
    "DenseNet121": 64,
    "InceptionV3": 96,
    "Xception": 96,
    "NASNetMobile": 96,
    "VGG16": 64,
    "ConvNeXtTiny": 64,
    "MobileNet": 64,
}
CONVOLUTIONS = {"conv", "depthwise_conv"}


def perturb(model: Any, images: Any, seed: int = 0) -> None:
    """Give biases and normalizations values of their own, and moving statistics that fit, so that nothing blows up."""
    random = np.random.default_rng(seed)
    norms = [layer for layer in model.layers if type(layer).__name__ == "BatchNormalization"]
    for weight in model.weights:
        if weight.name in ("gamma", "scale"):
            weight.assign(weight.numpy() * random.uniform(0.8, 1.2, weight.shape))
        elif weight.name in ("beta", "bias"):
            weight.assign(random.normal(0, 0.1, weight.shape))
    for norm in norms:
        norm.momentum = 0.0
    if norms:
        model(images, training=True)
    for norm in norms:
        variance = norm.moving_variance.numpy() * random.uniform(0.8, 1.3, norm.moving_variance.shape)
        norm.moving_variance.assign(np.maximum(variance, 1e-2))


def photos(count: int, size: int, high: float, seed: int = 0) -> Any:
    """Images that differ in more than noise: smooth colours with some noise on them."""
    import tensorflow as tf

    random = np.random.default_rng(seed)
    smooth = tf.image.resize(random.uniform(0, 1, (count, 3, 3, 3)), (size, size)).numpy()
    return ((0.7 * smooth + 0.3 * random.uniform(0, 1, (count, size, size, 3))) * high).astype("float32")


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_application(keras: Any, family: str) -> None:
    """The graph gives what predict() gives, and tells images apart as it does: a constant answer would not pass."""
    make = getattr(keras.applications, family)
    size = FAMILIES[family]
    model = make(weights=None, input_shape=(size, size, 3), classes=20, classifier_activation=None)
    scales = any(type(layer).__name__ in ("Rescaling", "Normalization") for layer in model.layers)
    images = photos(8, size, 255 if scales else 1)
    perturb(model, images)
    captured = agree(model, [images[:2]], tolerance=2e-4)
    (want,) = captured.source.run([images[:2]])
    (got,) = evaluate(captured.graph, {captured.contract.inputs[0].name: images[:2]}, wide=True).values()
    assert np.abs(got - want).max() < 0.02 * want.std(axis=0).mean()
    counts = op_counts(captured)
    assert counts["transpose"] == 0
    assert sum(counts[c] for c in CONVOLUTIONS) >= 13


@pytest.mark.slow
def test_images_of_any_size(keras: Any) -> None:
    model = keras.applications.MobileNetV2(weights=None, include_top=False, input_shape=(None, None, 3), alpha=0.35)
    images = np.random.default_rng(0).uniform(-1, 1, (2, 64, 96, 3)).astype("float32")
    perturb(model, images)
    captured = agree(model, [images], [images[:1, :, :64]], tolerance=2e-4)
    assert captured.contract.symbols == ("batch", "height", "width")
