"""Functions of two operands from simpler ones."""

from __future__ import annotations

import math

from kexport import ops
from kexport.ir.graph import Node, Value
from kexport.rewrite import Rewriter, Skip, rule
from kexport.rewrite.term import Term


@rule(ops.SquaredDifference)
def squared_difference(op: ops.SquaredDifference, node: Node, rewriter: Rewriter) -> Value:
    """The square of a - b."""
    a, b = (Term(rewriter, v) for v in node.inputs)
    return (a - b).of(ops.Square()).value


@rule(ops.FloorDiv)
def floor_div(op: ops.FloorDiv, node: Node, rewriter: Rewriter) -> Value | Skip:
    """floor(a / b) for floats."""
    a, b = (Term(rewriter, v) for v in node.inputs)
    if not a.type.dtype.is_float:
        return Skip("there is no other division of integers")
    return (a / b).of(ops.Floor()).value


@rule(ops.Mod)
def mod(op: ops.Mod, node: Node, rewriter: Rewriter) -> Value:
    """a - floor(a / b) * b."""
    a, b = (Term(rewriter, v) for v in node.inputs)
    return (a - a.of(ops.FloorDiv(), b) * b).value


@rule(ops.Atan2)
def atan2(op: ops.Atan2, node: Node, rewriter: Rewriter) -> Value:
    """atan(y / x), moved by pi on the left half plane; 0 at the origin."""
    y, x = (Term(rewriter, v) for v in node.inputs)
    origin = y.of(ops.Equal(), 0.0).of(ops.LogicalAnd(), x.of(ops.Equal(), 0.0))
    right = (y / x).of(ops.Atan())
    turn = (x < 0.0).select((y < 0.0).select(y.lift(-math.pi), y.lift(math.pi)), y.lift(0.0))
    return origin.select(y.lift(0.0), right + turn).value


@rule(ops.LogicalXor)
def logical_xor(op: ops.LogicalXor, node: Node, rewriter: Rewriter) -> Value:
    """Booleans that differ."""
    return rewriter.add(ops.NotEqual(), *node.inputs)


@rule(ops.NotEqual)
def not_equal(op: ops.NotEqual, node: Node, rewriter: Rewriter) -> Value:
    """not a == b."""
    return rewriter.add(ops.LogicalNot(), rewriter.add(ops.Equal(), *node.inputs))


@rule(ops.LessEqual)
def less_equal(op: ops.LessEqual, node: Node, rewriter: Rewriter) -> Value:
    """a < b or a == b."""
    less = rewriter.add(ops.Less(), *node.inputs)
    equal = rewriter.add(ops.Equal(), *node.inputs)
    return rewriter.add(ops.LogicalOr(), less, equal)


@rule(ops.Greater, ops.GreaterEqual)
def greater(op: ops.Greater | ops.GreaterEqual, node: Node, rewriter: Rewriter) -> Value:
    """The operands of less or less_equal swapped."""
    a, b = node.inputs
    return rewriter.add(ops.Less() if isinstance(op, ops.Greater) else ops.LessEqual(), b, a)


RULES = (squared_difference, floor_div, mod, atan2, logical_xor, not_equal, less_equal, greater)
