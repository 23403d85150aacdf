"""Arithmetic that no operator has for an element type, or has only with operands of one shape."""

from __future__ import annotations

import numpy as np

from kexport import ops
from kexport.ir.graph import Node, Value
from kexport.ir.types import DType
from kexport.passes.decompose import DECOMPOSE
from kexport.rewrite import Rewriter, rule
from kexport.rewrite.match import made_by, uniform
from kexport.rewrite.rule import Replacement
from kexport.rewrite.term import Term

_BITS = 32


_LARGE = 2.0**100
"""A power of an even power of two, far below the greatest number and far above those that networks have."""


@rule(ops.Rsqrt)
def rsqrt_of_every_number(op: ops.Rsqrt, node: Node, rewriter: Rewriter) -> Replacement:
    """1 / (sqrt of what is small times sqrt of what is large): one of both factors is 1, or a power of two.

    XNNPACK's own gives NaN at 0, and its square roots are 1.5 times too large above 2**126 (measured on LiteRT 2.3).
    Where something positive is added, as to a variance, none of both is reached. LiteRT's own kernels hand on NaN from
    the second operand of an extreme only.
    """
    (value,) = node.inputs
    if value.type.dtype is not DType.F32 or _is_above_zero(value):
        return None
    x = Term(rewriter, value)
    small = x.lift(_LARGE).min(x).of(ops.Sqrt())
    large = x.lift(1).max(x * (1 / _LARGE)).of(ops.Sqrt())
    return (1 / (small * large)).value


def _is_above_zero(value: Value) -> bool:
    """Whether a positive constant was added to it."""
    made = made_by(value, ops.Add)
    return made is not None and any(v.data is not None and bool(np.all(v.data > 0)) for v in made.inputs)


@rule(ops.Square, ops.SquaredDifference, ops.Abs, ops.Sign, ops.Relu, ops.Relu6)
def integer_functions(
    op: ops.Square | ops.SquaredDifference | ops.Abs | ops.Sign | ops.Relu | ops.Relu6, node: Node, rewriter: Rewriter
) -> Replacement:
    """Operators for floats that the graph also has for integers."""
    dtype = node.output.type.dtype
    native = isinstance(op, ops.Sign | ops.SquaredDifference)
    if dtype is not DType.I64 and (dtype is not DType.I32 or native):
        return None
    if isinstance(op, ops.Abs):
        x = Term(rewriter, node.inputs[0])
        return x.max(-x).value
    return DECOMPOSE[type(op)].apply(node, rewriter)


@rule(ops.Elu)
def elu_of_another_slope(op: ops.Elu, node: Node, rewriter: Rewriter) -> Replacement:
    """relu(x) + alpha * elu(min(x, 0)): the operator has alpha 1."""
    if op.alpha == 1:
        return None
    x = Term(rewriter, node.inputs[0])
    return (x.of(ops.Relu()) + x.min(0.0).of(ops.Elu(1.0)) * op.alpha).value


@rule(ops.FloorDiv)
def divide_floats_by_zero_too(op: ops.FloorDiv, node: Node, rewriter: Rewriter) -> Replacement:
    """floor(a / b) for floats: FLOOR_DIV ends the run where b is 0."""
    return DECOMPOSE[ops.FloorDiv].apply(node, rewriter) if node.output.type.dtype.is_float else None


@rule(ops.Atan2)
def broadcast_angles(op: ops.Atan2, node: Node, rewriter: Rewriter) -> Replacement:
    """ATAN2 does not broadcast; it reads past the smaller operand without a word."""
    wanted = node.output.type
    if all(v.type == wanted for v in node.inputs):
        return None
    return rewriter.add(op, *(_broadcast(rewriter, v, wanted.shape) for v in node.inputs))


def _broadcast(rewriter: Rewriter, value: Value, shape: tuple[object, ...]) -> Value:
    return value if value.type.shape == shape else rewriter.add(ops.BroadcastTo(shape), value)  # type: ignore[arg-type]


@rule(ops.BitNot)
def flip_bits(op: ops.BitNot, node: Node, rewriter: Rewriter) -> Replacement:
    """x xor -1."""
    if node.output.type.dtype is not DType.I32:
        return None
    return Term(rewriter, node.inputs[0]).of(ops.BitXor(), -1).value


@rule(ops.BitAnd)
def and_bits(op: ops.BitAnd, node: Node, rewriter: Rewriter) -> Replacement:
    """The remainder for a mask of the lowest bits; else the sum of 2**i times bit i of both, over an axis of bits."""
    if node.output.type.dtype is not DType.I32:
        return None
    for value, other in (node.inputs, node.inputs[::-1]):
        mask = uniform(other)
        if mask is not None and 0 < mask < (1 << 30) and not (int(mask) & int(mask) + 1):
            wide = _broadcast(rewriter, value, node.output.type.shape)
            return Term(rewriter, wide).of(ops.Mod(), int(mask) + 1).value
    both = _bits(rewriter, node.inputs[0]) * _bits(rewriter, node.inputs[1])
    powers = Term(rewriter, rewriter.constant((1 << np.arange(_BITS, dtype=np.int64)).astype(np.int32)))
    rank = node.output.type.rank
    return (both * powers).of(ops.ReduceSum((rank,))).value


def _bits(rewriter: Rewriter, x: Value) -> Term:
    """The bits of x along a new last axis."""
    column = Term(rewriter, x).of(ops.Reshape((*x.type.shape, 1)))
    places = Term(rewriter, rewriter.constant(np.arange(_BITS, dtype=np.int32)))
    return column.of(ops.ShiftRight(), places).of(ops.Mod(), 2)


@rule(ops.BitOr)
def or_bits(op: ops.BitOr, node: Node, rewriter: Rewriter) -> Replacement:
    """a xor b xor (a and b)."""
    if node.output.type.dtype is not DType.I32:
        return None
    a, b = (Term(rewriter, v) for v in node.inputs)
    return a.of(ops.BitXor(), b).of(ops.BitXor(), a.of(ops.BitAnd(), b)).value


@rule(ops.ShiftLeft)
def shift_left(op: ops.ShiftLeft, node: Node, rewriter: Rewriter) -> Replacement:
    """a times a power of two, taken from a table."""
    a, b = node.inputs
    if node.output.type.dtype is not DType.I32:
        return None
    powers = rewriter.constant((1 << np.arange(_BITS, dtype=np.int64)).astype(np.int32))
    return rewriter.add(ops.Mul(), a, rewriter.add(ops.Gather(0), powers, b))


RULES = (
    integer_functions,
    elu_of_another_slope,
    divide_floats_by_zero_too,
    broadcast_angles,
    flip_bits,
    and_bits,
    or_bits,
    shift_left,
    rsqrt_of_every_number,
)
