"""Activation functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kexport.errors import VerifyError
from kexport_shared.mil.ops.elementwise import erf

Array = np.ndarray


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), without overflow."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, small) / (1 + small)


def softplus(x: Array) -> Array:
    """log(1 + exp(x)), without overflow."""
    return np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0)


def softmax(x: Array, axis: Array | int = -1) -> Array:
    """exp(x) / sum(exp(x)) along an axis."""
    axis = int(axis)
    powers = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return powers / np.sum(powers, axis=axis, keepdims=True)


def gelu(x: Array, mode: str = "EXACT") -> Array:
    """x times the normal distribution function, exact or approximated."""
    if mode == "EXACT":
        return 0.5 * x * (1 + erf(x / np.sqrt(2).astype(x.dtype)))
    if mode == "TANH_APPROXIMATION":
        return 0.5 * x * (1 + np.tanh(float(np.sqrt(2 / np.pi)) * (x + 0.044715 * x**3)))
    if mode == "SIGMOID_APPROXIMATION":
        return x * sigmoid(1.702 * x)
    raise VerifyError(f"gelu has no mode {mode}")


def elu(x: Array, alpha: Array) -> Array:
    """x, or alpha * (exp(x) - 1) below zero."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def leaky_relu(x: Array, alpha: Array) -> Array:
    """x, or alpha * x below zero."""
    return np.where(x >= 0, x, alpha * x)


def prelu(x: Array, alpha: Array) -> Array:
    """leaky_relu with a slope for every channel."""
    return np.where(x > 0, x, _by_channel(alpha, x) * x)


def softplus_parametric(x: Array, alpha: Array, beta: Array) -> Array:
    """alpha * softplus(beta * x), with one of each for every channel."""
    return _by_channel(alpha, x) * softplus(_by_channel(beta, x) * x)


def clamped_relu(x: Array, alpha: Array, beta: Array) -> Array:
    """leaky_relu that goes no higher than beta."""
    return np.minimum(beta, np.where(x >= 0, x, alpha * x))


def sigmoid_hard(x: Array, alpha: Array, beta: Array) -> Array:
    """alpha * x + beta held between 0 and 1."""
    return np.clip(alpha * x + beta, 0, 1)


def _by_channel(values: Array, x: Array) -> Array:
    return values.reshape(-1, *(1,) * (x.ndim - 2))


OPERATIONS: dict[str, Callable[..., Any]] = {
    "sigmoid": sigmoid,
    "softplus": softplus,
    "softmax": softmax,
    "gelu": gelu,
    "elu": elu,
    "leaky_relu": leaky_relu,
    "prelu": prelu,
    "softplus_parametric": softplus_parametric,
    "clamped_relu": clamped_relu,
    "sigmoid_hard": sigmoid_hard,
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "silu": lambda x: x * sigmoid(x),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "linear_activation": lambda x, alpha, beta: alpha * x + beta,
    "scaled_tanh": lambda x, alpha, beta: alpha * np.tanh(beta * x),
    "thresholded_relu": lambda x, alpha: np.where(x >= alpha, x, 0),
}
