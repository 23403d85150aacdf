"""Normalization from means and arithmetic."""

from __future__ import annotations

import numpy as np

from kexport import ops
from kexport.ir.dim import product
from kexport.ir.graph import Node, Value
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.term import Term

FAR_MEAN = 64.0
"""A mean at least this many deviations from zero is subtracted before scaling: (x*s - mean*s) would cancel digits."""


@rule(ops.BatchNorm)
def batch_norm(op: ops.BatchNorm, node: Node, rewriter: Rewriter) -> Value | None:
    """x * scale + shift; (x - mean) * scale + beta where the parameters are no constants or mean is far from 0."""
    x, gamma, beta, mean, variance = (Term(rewriter, v) for v in node.inputs)
    if any(v.data is None for v in node.inputs[1:]):
        return ((x - mean) * (gamma * (variance + op.epsilon).of(ops.Rsqrt())) + beta).value
    g, b, m, v = (np.asarray(p.data, np.float64) for p in node.inputs[1:])
    deviation = np.sqrt(v + op.epsilon)
    dtype = x.type.dtype.numpy
    scale, shift = (
        Term(rewriter, rewriter.constant(a.astype(dtype))) for a in (g / deviation, b - m * (g / deviation))
    )
    if np.any(np.abs(m) > FAR_MEAN * deviation):
        return ((x - mean) * scale + beta).value
    return (x * scale + shift).value


@rule(ops.LayerNorm)
def layer_norm(op: ops.LayerNorm, node: Node, rewriter: Rewriter) -> Value | None:
    """(x - mean) * rsqrt(mean of squares + epsilon) * gamma + beta."""
    x, gamma, beta = (Term(rewriter, v) for v in node.inputs)
    axes = op.axes
    return (_standardize(x, axes, op.epsilon) * _along(gamma, x, axes) + _along(beta, x, axes)).value


@rule(ops.RmsNorm)
def rms_norm(op: ops.RmsNorm, node: Node, rewriter: Rewriter) -> Value | None:
    """x * rsqrt(mean of squares + epsilon) * gamma."""
    x, gamma = (Term(rewriter, v) for v in node.inputs)
    return (x * _inverse_root(x, op.axes, op.epsilon) * _along(gamma, x, op.axes)).value


@rule(ops.GroupNorm)
def group_norm(op: ops.GroupNorm, node: Node, rewriter: Rewriter) -> Value | None:
    """The groups as an axis of their own, standardized over pixels and the channels of a group."""
    x, gamma, beta = (Term(rewriter, v) for v in node.inputs)
    batch, *spatial, channels = x.type.shape
    grouped = x.of(ops.Reshape((batch, product(spatial), op.groups, channels // op.groups)))
    flat = _standardize(grouped, (1, 3), op.epsilon).of(ops.Reshape(x.type.shape))
    return (flat * gamma + beta).value


def _standardize(x: Term, axes: tuple[int, ...], epsilon: float) -> Term:
    centered = x - x.of(ops.ReduceMean(axes, keepdims=True))
    return centered * _inverse_root(centered, axes, epsilon)


def _inverse_root(x: Term, axes: tuple[int, ...], epsilon: float) -> Term:
    return (x.of(ops.Square()).of(ops.ReduceMean(axes, keepdims=True)) + epsilon).of(ops.Rsqrt())


def _along(parameter: Term, x: Term, axes: tuple[int, ...]) -> Term:
    """A parameter whose axes are those of x in `axes`, so shaped that it broadcasts to x."""
    rank = x.type.rank
    kept = sorted(a % rank for a in axes)
    if kept == list(range(rank - len(kept), rank)):
        return parameter
    shape = tuple(d if i in kept else 1 for i, d in enumerate(x.type.shape))
    return parameter.of(ops.Reshape(shape[kept[0] :]))


RULES = (batch_norm, layer_norm, rms_norm, group_norm)
