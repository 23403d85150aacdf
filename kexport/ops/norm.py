"""Normalization by mean and variance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kexport.errors import GraphError
from kexport.ir.op import Array, Op
from kexport.ir.traits import Traits, Work
from kexport.ir.types import TensorType
from kexport.ops import check
from kexport.ops.arrays import compute
from kexport.ops.broadcast import same_shape


@dataclass(frozen=True)
class BatchNorm(Op):
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta; all four of size C for x[..., C]."""

    traits = Traits(Work.ROUNDS)
    epsilon: float

    def infer(
        self, x: TensorType, gamma: TensorType, beta: TensorType, mean: TensorType, variance: TensorType
    ) -> TensorType:
        _check_parameters(x, (-1,), gamma=gamma, beta=beta, mean=mean, variance=variance)
        return x

    def evaluate(self, x: Array, gamma: Array, beta: Array, mean: Array, variance: Array) -> Array:
        def run(x: Array, gamma: Array, beta: Array, mean: Array, variance: Array) -> Array:
            return _affine(x, mean, gamma / np.sqrt(variance + self.epsilon), beta)

        return compute(run, x, gamma, beta, mean, variance)


@dataclass(frozen=True)
class LayerNorm(Op):
    """(x - m) / sqrt(v + epsilon) * gamma + beta; m and v are the mean and variance over `axes`.

    gamma and beta have the shape of x along the axes, in ascending order.
    """

    traits = Traits(Work.ROUNDS_INSIDE, compresses=True, normalizes=True, rowwise=True)
    axes: tuple[int, ...]
    epsilon: float

    def infer(self, x: TensorType, gamma: TensorType, beta: TensorType) -> TensorType:
        _check_parameters(x, self.axes, gamma=gamma, beta=beta)
        return x

    def evaluate(self, x: Array, gamma: Array, beta: Array) -> Array:
        def run(x: Array, gamma: Array, beta: Array) -> Array:
            mean, scale = _moments(x, self.axes, self.epsilon)
            return _affine(x, mean, scale * _along(gamma, x, self.axes), _along(beta, x, self.axes))

        return compute(run, x, gamma, beta)


@dataclass(frozen=True)
class RmsNorm(Op):
    """x / sqrt(mean of x*x over `axes` + epsilon) * gamma; gamma has the shape of x along the axes."""

    traits = Traits(Work.ROUNDS_INSIDE, compresses=True, normalizes=True, rowwise=True)
    axes: tuple[int, ...]
    epsilon: float

    def infer(self, x: TensorType, gamma: TensorType) -> TensorType:
        _check_parameters(x, self.axes, gamma=gamma)
        return x

    def evaluate(self, x: Array, gamma: Array) -> Array:
        def run(x: Array, gamma: Array) -> Array:
            scale = 1 / np.sqrt(np.mean(x * x, axis=self.axes, keepdims=True) + self.epsilon)
            return x * scale * _along(gamma, x, self.axes)

        return compute(run, x, gamma)


@dataclass(frozen=True)
class GroupNorm(Op):
    """(x - m) / sqrt(v + epsilon) * gamma + beta for x[N, *S, C].

    m and v are taken for each example and group of C/groups adjacent channels, over S and the group.
    """

    traits = Traits(Work.ROUNDS_INSIDE, compresses=True, normalizes=True, spatial=True)
    groups: int
    epsilon: float

    def infer(self, x: TensorType, gamma: TensorType, beta: TensorType) -> TensorType:
        _check_parameters(x, (-1,), gamma=gamma, beta=beta)
        channels = check.static(x.shape[-1], "the number of channels")
        if x.rank < 2 or self.groups < 1 or channels % self.groups:
            raise GraphError(f"the channels of {x} cannot be split into {self.groups} groups")
        return x

    def evaluate(self, x: Array, gamma: Array, beta: Array) -> Array:
        def run(x: Array, gamma: Array, beta: Array) -> Array:
            grouped = x.reshape(*x.shape[:-1], self.groups, -1)
            axes = (*range(1, x.ndim - 1), x.ndim)
            mean, scale = _moments(grouped, axes, self.epsilon)
            gamma, beta = (parameter.reshape(self.groups, -1) for parameter in (gamma, beta))
            return _affine(grouped, mean, scale * gamma, beta).reshape(x.shape)

        return compute(run, x, gamma, beta)


def _check_parameters(x: TensorType, axes: Sequence[int], **parameters: TensorType) -> None:
    check.kind("floating-point", x)
    wanted = tuple(x.shape[a] for a in check.axes(axes, x.rank))
    for name, parameter in parameters.items():
        check.same_dtype(x, parameter)
        same_shape(parameter.shape, wanted, f"the shape of {name} and of the normalized axes")


def _moments(x: Array, axes: tuple[int, ...], epsilon: float) -> tuple[Array, Array]:
    """The mean, and 1 / sqrt(variance + epsilon)."""
    mean = np.mean(x, axis=axes, keepdims=True)
    centered = x - mean
    return mean, 1 / np.sqrt(np.mean(centered * centered, axis=axes, keepdims=True) + epsilon)


def _affine(x: Array, mean: Array, scale: Array, beta: Array) -> Array:
    """(x - mean) * scale + beta, rounded as Keras does: the mean is not taken off x, but off what is added.

    That is much where x hardly varies, and all of the result where a single number is normalized.
    """
    return x * scale + (beta - mean * scale)


def _along(parameter: Array, x: Array, axes: tuple[int, ...]) -> Array:
    kept = {a % x.ndim for a in axes}
    return parameter.reshape([d if i in kept else 1 for i, d in enumerate(x.shape)])
