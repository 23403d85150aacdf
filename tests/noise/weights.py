"""Weights of right models: as initializers draw them, or as training leaves them, so that outputs saturate."""

from __future__ import annotations

from typing import Any

import numpy as np

from kexport.ir.op import Array

GAINS = (1.0, 3.0, 1.0, 8.0)
"""How many times as large as an initializer's the kernels of a seed are, in turn."""
CENTRED = {"bias": 0.3, "beta": 0.3, "moving_mean": 0.5, "recurrent_bias": 0.3}
"""The deviation of weights around 0."""
SPREAD = {"moving_variance": (0.3, 3.0), "gamma": (0.5, 1.5), "scale": (0.5, 1.5), "alpha": (0.1, 0.4)}
"""The limits of weights that are positive."""


def draw(model: Any, seed: int) -> None:
    """Give a model other weights; its last layer with weights has the gain of the seed."""
    rng = np.random.default_rng([seed, 0xD4A3])
    layers = [layer for layer in model.layers if layer.weights and layer.name != "pixels" and layer.name != "scale"]
    for layer in layers:
        gain = GAINS[seed % len(GAINS)] if layer is layers[-1] else 1.0 + (seed % 3) / 2
        layer.set_weights([_weight(w, rng, gain) for w in layer.weights])


def _weight(weight: Any, rng: np.random.Generator, gain: float) -> Array:
    name = weight.name
    shape = tuple(weight.shape)
    if name in CENTRED:
        return rng.normal(0, CENTRED[name], shape)
    if name in SPREAD:
        return rng.uniform(*SPREAD[name], shape)
    if "seed" in name or not np.issubdtype(np.asarray(weight).dtype, np.floating):
        return np.asarray(weight)
    fan = max(int(np.prod(shape[:-1])), 1) if len(shape) > 1 else 1
    return rng.normal(0, gain / np.sqrt(fan), shape)
