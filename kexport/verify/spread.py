"""How large the parts are that a result is computed from: right kernels differ by the rounding of these.

A sum that cancels is no more exact than its terms. Passes fold one constant into the next, so that `(x - mean) / scale`
becomes `x * a + b`, where b is rounded: what is near 0 in the end has the error of what was large before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from kexport.ir.graph import Node
from kexport.ir.op import Array
from kexport.ir.traits import Work
from kexport.ops.activation import ACTIVATIONS

MOST = 6.0
"""A sum of n products is off by about sqrt(n) / 4 last places of the root of the sum of their squares, and by no more
than this, for kernels add up in blocks: measured on products of random matrices in OpenBLAS."""


def spread(node: Node, operands: Sequence[Array], result: Array) -> Array | None:
    """The magnitude, in a shape that broadcasts to the result's, whose last place kernels differ by; None where it is
    that of the result itself.
    """
    measure = SPREADS.get(node.op.name)
    if measure is None or _squeezes(node.op.attributes().get("activation")):
        return None
    return measure(node, [np.asarray(x) for x in operands], result)


def _squeezes(activation: str | None) -> bool:
    """Whether an activation inside an op computes something of the sum, instead of cutting it off."""
    return activation is not None and ACTIVATIONS[activation].traits.work is not Work.PICKS


def _growth(terms: int) -> float:
    return min(max(1.0, math.sqrt(terms) / 4), MOST)


def _length(array: Array, axis: int | tuple[int, ...]) -> Array:
    """The root of the sum of squares along axes, which stay."""
    return np.sqrt(np.sum(np.square(array), axis=axis, keepdims=True))


def _mat_mul(node: Node, operands: Sequence[Array], result: Array) -> Array:
    a, b = operands[:2]
    turned = node.op.attributes()
    a = a.swapaxes(-1, -2) if turned.get("transpose_a") else a
    b = b.swapaxes(-1, -2) if turned.get("transpose_b") else b
    terms = max(a.shape[-1], 1)
    found: Array = _length(a, -1) * _length(b, -2) * (_growth(terms) / math.sqrt(terms))
    return found.reshape(found.shape[-result.ndim :]) if found.ndim > result.ndim else found


def _conv(node: Node, operands: Sequence[Array], result: Array) -> Array:
    """Of the root mean square of each sample, and the length of the kernel of each output channel."""
    x, kernel = operands[:2]
    depthwise = node.op.name == "depthwise_conv"
    transposed = node.op.name == "conv_transpose"
    channels = (
        (kernel.ndim - 1, kernel.ndim - 2) if depthwise else (kernel.ndim - 2 if transposed else kernel.ndim - 1,)
    )
    summed = tuple(i for i in range(kernel.ndim) if i not in channels)
    terms = max(math.prod(kernel.shape[i] for i in summed), 1)
    lengths = _length(kernel, summed).reshape(-1)
    lengths = lengths if lengths.size == result.shape[-1] else np.max(lengths, initial=0.0)
    spatial = tuple(range(1, x.ndim))
    size = np.sqrt(np.mean(np.square(x), axis=spatial, keepdims=True))
    return size * lengths * _growth(terms)


def _batch_norm(node: Node, operands: Sequence[Array], result: Array) -> Array:
    x, gamma, beta, mean, variance = operands
    scale = np.abs(gamma) / np.sqrt(variance + node.op.attributes()["epsilon"])
    return (np.abs(x) + np.abs(mean)) * scale + np.abs(beta)


def _shifted(node: Node, operands: Sequence[Array], result: Array) -> Array | None:
    """Of a sum with a constant, which may be folded into what comes before or after; other sums are exact but for the
    last place of the result.
    """
    if not any(v.is_constant for v in node.inputs):
        return None
    return np.maximum(np.abs(operands[0]), np.abs(operands[1]))


def _reduced(node: Node, operands: Sequence[Array], result: Array) -> Array:
    x = operands[0]
    attributes = node.op.attributes()
    terms = max(x.size // max(result.size, 1), 1)
    squares = np.sum(np.square(x), axis=attributes["axes"], keepdims=attributes["keepdims"])
    return np.sqrt(squares) * (_growth(terms) / (terms if node.op.name == "reduce_mean" else 1))


SPREADS: dict[str, Callable[[Node, Sequence[Array], Array], Array | None]] = {
    "mat_mul": _mat_mul,
    "dense": _mat_mul,
    "conv": _conv,
    "depthwise_conv": _conv,
    "conv_transpose": _conv,
    "batch_norm": _batch_norm,
    "add": _shifted,
    "sub": _shifted,
    "reduce_sum": _reduced,
    "reduce_mean": _reduced,
}
