"""Absorbs scales and shifts into the constant weights of convolutions and dense layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, cast

import numpy as np

from kexport import ops
from kexport.ir.dim import Dim, product
from kexport.ir.graph import Node, Value
from kexport.ir.op import Array, having
from kexport.ops.window import explicit_pads
from kexport.rewrite.match import is_single
from kexport.rewrite.rule import Rewriter, Skip

LINEAR = having(lambda t: t.weights == (1,))
"""Ops that multiply their first operand with weights, and may add a bias."""
_PART = 1 << 20
"""Elements of a kernel held in float64 at a time."""


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
    """Convert arrays that broadcast to a reshape or transpose into arrays that broadcast to its operand."""
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
    kernel = scaled(above, out_factors(above, factor)) if scale is not None else None
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
    """Return whether kernel and bias of a linear op are constants of a float type."""
    return all(v.is_constant and v.type.dtype.is_float for v in node.inputs[1:])


def scaled(node: Node, factor: Array) -> Array:
    """Multiply the kernel by a broadcasting array in float64, a part at a time, rounding to its type."""
    kernel = np.asarray(node.inputs[1].data)
    result = np.empty_like(kernel)
    with np.errstate(all="ignore"):
        for rows, part in _parts(kernel, factor):
            result[rows] = part.astype(kernel.dtype)
    return result


def response(node: Node, factor: Array) -> Array:
    """Sum the kernel times `factor` per output channel: the op's result on a constant input of that value."""
    kernel = np.asarray(node.inputs[1].data)
    depthwise = isinstance(node.op, ops.DepthwiseConv)
    axes = tuple(range(kernel.ndim - (2 if depthwise else 1)))
    return sum(part.sum(axis=axes) for _, part in _parts(kernel, factor)).reshape(-1)  # type: ignore[union-attr]


def _parts(kernel: Array, factor: Array) -> Iterator[tuple[slice, Array]]:
    factor = np.broadcast_to(factor, kernel.shape)
    step = max(1, _PART // max(1, kernel[:1].size))
    for start in range(0, kernel.shape[0], step):
        rows = slice(start, start + step)
        yield rows, kernel[rows].astype(np.float64) * factor[rows]


def bias_of(node: Node) -> Array:
    """Return the bias in float64; zeros if there is none."""
    if len(node.inputs) > 2:
        return np.asarray(node.inputs[2].data, np.float64)
    return np.zeros(int(node.output.type.shape[-1]))  # type: ignore[arg-type]


def out_factors(node: Node, vector: Array) -> Array:
    """Shape a number per output channel so that it broadcasts to the kernel."""
    shape: Any = node.inputs[1].type.shape
    op: Any = node.op
    if isinstance(op, ops.DepthwiseConv):
        return vector.reshape(shape[-2:])
    if isinstance(op, ops.ConvTranspose):
        return np.repeat(vector.reshape(op.groups, shape[-2]), shape[-1] // op.groups, axis=0).T
    return vector


def in_factors(node: Node, vector: Array) -> Array:
    """Shape a number per input channel so that it broadcasts to the kernel."""
    shape: Any = node.inputs[1].type.shape
    op: Any = node.op
    if isinstance(op, ops.ConvTranspose):
        return vector
    if isinstance(op, ops.Conv):
        return np.repeat(vector.reshape(op.groups, shape[-2]), shape[-1] // op.groups, axis=0).T
    return vector[:, None]


def has_padding(node: Node) -> bool:
    """Return whether border elements of the result see zeros instead of input elements."""
    op: Any = node.op
    if isinstance(op, ops.Dense):
        return False
    if isinstance(op, ops.ConvTranspose):
        return True
    x = node.inputs[0].type
    kernel = node.inputs[1].type
    pads = explicit_pads(x.shape[1:-1], kernel.shape[:-2], op.strides, op.dilation, op.padding)
    return any(p != 0 for pair in pads for p in pair)


def with_weights(node: Node, rewriter: Rewriter, x: Value, kernel: Array | None, bias: Array | None) -> Value | Skip:
    """Rebuild the linear op on `x` with another kernel (None: its own) and bias (None: none), rounded to its type."""
    _, old, *rest = node.inputs
    weights = [] if kernel is None else [(kernel, old.name)]
    with np.errstate(all="ignore"):
        weights += [] if bias is None else [(bias.astype(old.type.dtype.numpy), rest[0].name if rest else "")]
    if not all(np.isfinite(w).all() for w, _ in weights):
        return Skip("the weights would overflow")
    constants = [rewriter.constant(*w) for w in weights]
    return rewriter.add(node.op, x, *([old] if kernel is None else []), *constants, origin=node.origin)
