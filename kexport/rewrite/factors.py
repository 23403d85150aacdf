"""Splits sums and products, so that a rule recognizes `x * 0.5 * (1 + t)` however it is associated."""

from __future__ import annotations

from typing import NamedTuple

from kexport import ops
from kexport.ir.graph import Value
from kexport.rewrite.match import is_single, uniform

_MOST = 6


class Factors(NamedTuple):
    """A number times values; a value that is squared stands twice."""

    number: float
    values: list[Value]

    def without(self, *values: Value | None) -> list[Value] | None:
        """Return the remaining values, or None if one of these is not a factor."""
        rest = list(self.values)
        for value in values:
            if value is None or value not in rest:
                return None
            rest.remove(value)
        return rest

    def are(self, *values: Value | None) -> bool:
        """Return whether the remaining values are exactly these."""
        return self.without(*values) == []


def factors(value: Value) -> Factors:
    """Return the factors of a value. A product that is read elsewhere too is not split."""
    number = 1.0
    done = list[Value]()
    work = [value]
    while work:
        item = work.pop()
        node = item.producer
        known = uniform(item)
        if known is not None:
            number *= known
        elif node is None or len(done) + len(work) > _MOST or not (item is value or is_single(item)):
            done.append(item)
        elif isinstance(node.op, ops.Mul):
            work += node.inputs
        elif isinstance(node.op, ops.Square):
            work += [node.inputs[0]] * 2
        elif isinstance(node.op, ops.Neg):
            number = -number
            work.append(node.inputs[0])
        elif isinstance(node.op, ops.Div) and (divisor := uniform(node.inputs[1])):
            number /= divisor
            work.append(node.inputs[0])
        else:
            done.append(item)
    return Factors(number, done[::-1])


class Sum(NamedTuple):
    """`sign * value + number`."""

    value: Value
    number: float
    sign: float = 1.0


def plus(value: Value | None) -> Sum | None:
    """Write `value` as another value plus a number; None if it is no such sum."""
    node = value.producer if value else None
    if node is None or not isinstance(node.op, (ops.Add, ops.Sub)):
        return None
    a, b = node.inputs
    left = uniform(a)
    right = uniform(b)
    if right is not None:
        return Sum(a, right if isinstance(node.op, ops.Add) else -right)
    if left is not None:
        return Sum(b, left, 1.0 if isinstance(node.op, ops.Add) else -1.0)
    return None
