"""Random numbers. A device's generator is not published: the distribution is a device's, the values are not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kexport.errors import VerifyError
from kexport_shared.mil.context import Context

Array = np.ndarray


def _generator(context: Context, seed: Array | int) -> np.random.Generator:
    """The run's generator, or a fresh one where the program gives a seed."""
    return context.random if int(seed) < 0 else np.random.Generator(np.random.PCG64(int(seed)))


def _sizes(shape: Array) -> tuple[int, ...]:
    return tuple(int(s) for s in shape)


def bernoulli(context: Context, shape: Array, prob: Array | float = 0.5, seed: Array | int = -1) -> Array:
    """One with a probability, else zero."""
    return (_generator(context, seed).random(_sizes(shape)) < float(prob)).astype(np.float32)


def normal(
    context: Context, shape: Array, mean: Array | float = 0.0, stddev: Array | float = 1.0, seed: Array | int = -1
) -> Array:
    """Normally distributed numbers."""
    return _generator(context, seed).normal(float(mean), float(stddev), _sizes(shape))


def uniform(
    context: Context, shape: Array, low: Array | float = 0.0, high: Array | float = 1.0, seed: Array | int = -1
) -> Array:
    """Evenly distributed numbers."""
    return _generator(context, seed).uniform(float(low), float(high), _sizes(shape))


def categorical(
    context: Context, x: Array, mode: str = "logits", size: Array | int = 1, seed: Array | int = -1
) -> Array:
    """Classes drawn by their logits or probabilities."""
    if mode not in ("logits", "probs"):
        raise VerifyError(f"random_categorical has no mode {mode}")
    weights = np.exp(x - np.max(x, axis=-1, keepdims=True)) if mode == "logits" else x
    edges = np.cumsum(weights, axis=-1) / np.sum(weights, axis=-1, keepdims=True)
    drawn = _generator(context, seed).random((*x.shape[:-1], int(size)))
    return np.minimum((drawn[..., None] >= edges[..., None, :]).sum(axis=-1), x.shape[-1] - 1)


CONTEXTUAL: dict[str, Callable[..., Any]] = {
    "random_bernoulli": bernoulli,
    "random_normal": normal,
    "random_uniform": uniform,
    "random_categorical": categorical,
}
