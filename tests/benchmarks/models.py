"""The models that are measured, by name; random weights from a fixed seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.benchmarks.patterns import PATTERNS, RECURRENT, encoder


def _application(name: str, size: int = 224) -> Callable[[], Any]:
    def make() -> Any:
        import keras

        return getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3))

    return make


MODELS: dict[str, Callable[[], Any]] = {
    **{name: _application(name) for name in ("MobileNetV2", "EfficientNetB0", "ConvNeXtTiny", "ResNet50")},
    **PATTERNS,
    **RECURRENT,
    "transformer of 12 layers": lambda: encoder(12),
}


def build(name: str) -> Any:
    """The model, with weights that make every layer matter: batch norms and biases aren't left at 0 and 1."""
    import keras
    import numpy as np

    keras.utils.set_random_seed(1234)
    model = MODELS[name]()
    rng = np.random.default_rng(1234)
    for weight in model.weights:
        if weight.name in ("gamma", "moving_variance"):
            weight.assign(rng.uniform(0.8, 1.2, weight.shape))
        elif weight.name in ("beta", "bias", "moving_mean"):
            weight.assign(rng.normal(0, 0.05, weight.shape))
    return model


def sample(model: Any, seed: int = 0, batch: int = 1) -> Any:
    """One batch of inputs for a model with one image input."""
    import numpy as np

    return np.random.default_rng(seed).uniform(-1, 1, (batch, *model.input_shape[1:])).astype("float32")
