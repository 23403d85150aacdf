"""Convolutions and dense layers with constant weights, and how their weights take in scales and shifts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np

from kexport import ops
from kexport.ir.dim import Dim, product
from kexport.ir.graph import Node, Value
from kexport.ir.op import Array
from kexport.ops.window import explicit_pads
from kexport.rewrite.match import is_single
from kexport.rewrite.rule import Rewriter, Skip

LINEAR = (ops.Conv, ops.DepthwiseConv, ops.ConvTranspose, ops.Dense)


class Found(NamedTuple):
    """A linear op above a value, the moves from it down to the value (each with the operand that comes from it),
    and arrays that broadcast to the value, as they apply to the op's output channels."""

    linear: Node
    steps: tuple[tuple[Node, int], ...]
    arrays: tuple[Array, ...]


def linear_above(value: Value, arrays: tuple[Array, ...], shifts: bool) -> Found | Skip | None:
    """The linear op that makes `value` and can take in arrays that are multiplied with or (`shifts`) added to it.

    Transposes and reshapes may stand between; also a product of matrices, if it is one number to multiply with.
    The reason where something stands against it.
    """
    node = value.producer
    if node is None:
        return None
    if isinstance(node.op, LINEAR):
        return _can_absorb(node, value, arrays)
    if not isinstance(node.op, (ops.Reshape, ops.Transpose, ops.MatMul)) or not is_single(value):
        return None
    if isinstance(node.op, ops.MatMul):
        operands = range(2)
        passed = None if shifts or any(a.size != 1 for a in arrays) else tuple(a.reshape(()) for a in arrays)
    else:
        operands = range(1)
        passed = _above_move(node, arrays)
    found = None
    for i in operands if passed is not None else ():
        found = linear_above(node.inputs[i], passed or (), shifts)
        if isinstance(found, Found):
            return found._replace(steps=((node, i), *found.steps))
    return found


def _can_absorb(node: Node, value: Value, arrays: tuple[Array, ...]) -> Found | Skip | None:
    channels = node.output.type.shape[-1]
    if any(d != 1 for a in arrays for d in a.shape[:-1]) or not isinstance(channels, int):
        return None
    if node.op.attributes()["activation"] is not None:
        return Skip("an activation stands between")
    if not is_single(value):
        return Skip(f"the {node.op.name} is used elsewhere too")
    if not constant_weights(node):
        return Skip("the weights are not constant")
    return Found(node, (), tuple(np.broadcast_to(a.reshape(-1), (channels,)) for a in arrays))


def _above_move(node: Node, arrays: tuple[Array, ...]) -> tuple[Array, ...] | None:
    """Arrays that broadcast to a reshape or transpose, as arrays that broadcast to its operand."""
    op: Any = node.op
    rank = node.output.type.rank
    full = tuple(a.reshape((1,) * (rank - a.ndim) + a.shape) for a in arrays)
    if isinstance(op, ops.Transpose):
        return tuple(a.transpose(np.argsort(op.perm)) for a in full)
    moved = [_above_reshape(a, op.shape, node.inputs[0].type.shape) for a in full]
    return None if any(m is None for m in moved) else tuple(m for m in moved if m is not None)


def _above_reshape(array: Array, new: Sequence[Dim], old: Sequence[Dim]) -> Array | None:
    """The last axes, from the first that the array varies along, must make up last axes of the old shape too."""
    first = min((i for i, d in enumerate(array.shape) if d != 1), default=len(new))
    ends = {product(old[i:]): i for i in range(len(old) + 1)}
    start = next((i for i in range(first, -1, -1) if product(new[i:]) in ends), None)
    if start is None or not all(isinstance(d, int) for d in new[start:]):
        return None
    kept = ends[product(new[start:])]
    whole: Any = cast(Any, np.broadcast_to)(array.reshape(array.shape[start:]), new[start:])
    return whole.reshape([1] * kept + [*old[kept:]])


def absorb(node: Node, rewriter: Rewriter, scale: Array | None, shift: Array | None) -> Value | Skip | None:
    """y * scale + shift, y being the first operand of `node`, done by the weights of the linear op that makes y."""
    y = node.inputs[0]
    found = linear_above(y, tuple(a for a in (scale, shift) if a is not None), shift is not None)
    if not isinstance(found, Found):
        return found
    above = found.linear
    channels = list(found.arrays)
    factor = channels.pop(0) if scale is not None else np.ones(1)
    kernel = kernel_of(above) * (out_factors(above, factor) if scale is not None else 1.0)
    plain = len(above.inputs) == 2 and not channels
    bias = None if plain else bias_of(above) * factor + (channels[0] if channels else 0.0)
    value = with_weights(above, rewriter, above.inputs[0], kernel, bias)
    for step, index in reversed(found.steps):
        if isinstance(value, Skip):
            return value
        operands = [value if i == index else v for i, v in enumerate(step.inputs)]
        value = rewriter.add(step.op, *operands, origin=step.origin)
    return value


def constant_weights(node: Node) -> bool:
    """Whether kernel and bias of a linear op are constants of a float type."""
    return all(v.is_constant and v.type.dtype.is_float for v in node.inputs[1:])


def kernel_of(node: Node) -> Array:
    """The kernel in float64."""
    return np.asarray(node.inputs[1].data, np.float64)


def bias_of(node: Node) -> Array:
    """The bias in float64; zeros where there is none."""
    if len(node.inputs) > 2:
        return np.asarray(node.inputs[2].data, np.float64)
    return np.zeros(int(node.output.type.shape[-1]))  # type: ignore[arg-type]


def out_factors(node: Node, vector: Array) -> Array:
    """A number for each output channel, so shaped that it multiplies the kernel."""
    shape = kernel_of(node).shape
    op: Any = node.op
    if isinstance(op, ops.DepthwiseConv):
        return vector.reshape(shape[-2:])
    if isinstance(op, ops.ConvTranspose):
        return np.repeat(vector.reshape(op.groups, shape[-2]), shape[-1] // op.groups, axis=0).T
    return vector


def in_factors(node: Node, vector: Array) -> Array:
    """A number for each input channel, so shaped that it multiplies the kernel."""
    shape = kernel_of(node).shape
    op: Any = node.op
    if isinstance(op, ops.ConvTranspose):
        return vector
    if isinstance(op, ops.Conv):
        return np.repeat(vector.reshape(op.groups, shape[-2]), shape[-1] // op.groups, axis=0).T
    return vector[:, None]


def has_padding(node: Node) -> bool:
    """Whether border elements of the result see zeros instead of input elements."""
    op: Any = node.op
    if isinstance(op, ops.Dense):
        return False
    if isinstance(op, ops.ConvTranspose):
        return True
    x, kernel = node.inputs[0].type, node.inputs[1].type
    pads = explicit_pads(x.shape[1:-1], kernel.shape[:-2], op.strides, op.dilation, op.padding)
    return any(p != 0 for pair in pads for p in pair)


def with_weights(node: Node, rewriter: Rewriter, x: Value, kernel: Array, bias: Array | None) -> Value | Skip:
    """The linear op on `x` with other weights, rounded to its element type; no bias if that is None."""
    dtype = node.inputs[1].type.dtype.numpy
    with np.errstate(all="ignore"):
        weights = [a.astype(dtype) for a in (kernel, bias) if a is not None]
    if not all(np.isfinite(w).all() for w in weights):
        return Skip("the weights would overflow")
    names = [v.name for v in node.inputs[1:]] + ["", ""]
    constants = [rewriter.constant(w, name) for w, name in zip(weights, names, strict=False)]
    return rewriter.add(node.op, x, *constants, origin=node.origin)
