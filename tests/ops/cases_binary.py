"""Cases of the elementwise functions of two operands, and of select."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from kexport import ops
from kexport.ir.op import Op
from kexport.ir.types import DType
from tests.ops.case import BATCH, Case, booleans, constant, integers, literal, normal, uniform, weight
from tests.ops.expected import each, tf_call

_X = normal(BATCH, 3, 4)
_Y = normal(BATCH, 3, 4)
_AWAY = uniform(0.3, 3.0, BATCH, 3, 4)
_I = integers(-9, 9, BATCH, 6)
_J = integers(1, 9, BATCH, 6)
_SIGNED = literal([[7, -7, 7, -7, 6, -6], [1, -1, 8, 0, -8, 3]], DType.I32)
_SIGNS = literal([[3, 3, -3, -3, 3, 3], [-2, -2, 4, 5, 4, -3]], DType.I32)
_NAN = literal([1.0, math.nan])
_P = booleans(BATCH, 8)
_Q = booleans(BATCH, 8)

_ARITHMETIC: dict[Op, Callable[..., Any]] = {
    ops.Add(): operator.add,
    ops.Sub(): operator.sub,
    ops.Mul(): operator.mul,
    ops.Maximum(): max,
    ops.Minimum(): min,
    ops.SquaredDifference(): lambda a, b: (a - b) ** 2,
}
_COMPARISONS: dict[Op, Callable[..., Any]] = {
    ops.Equal(): operator.eq,
    ops.NotEqual(): operator.ne,
    ops.Less(): operator.lt,
    ops.LessEqual(): operator.le,
    ops.Greater(): operator.gt,
    ops.GreaterEqual(): operator.ge,
}
_BITS: dict[Op, Callable[..., Any]] = {
    ops.BitAnd(): operator.and_,
    ops.BitOr(): operator.or_,
    ops.BitXor(): operator.xor,
}
_LOGIC: dict[Op, Callable[..., Any]] = {
    ops.LogicalAnd(): lambda a, b: a and b,
    ops.LogicalOr(): lambda a, b: a or b,
    ops.LogicalXor(): operator.ne,
}


def _floored(a: Any, b: Any) -> Any:
    return np.floor(a / b)


CASES = [
    *(Case(op, (_X, _Y), each(fn)) for op, fn in _ARITHMETIC.items()),
    *(Case(op, (_X, weight(4)), each(fn), "constant") for op, fn in _ARITHMETIC.items()),
    *(Case(op, (_I, _J), each(fn), "i32") for op, fn in _ARITHMETIC.items()),
    Case(ops.Add(), (normal(BATCH, 1, 4), normal(3, 1)), each(operator.add), "both_ways"),
    Case(ops.Add(), (normal(4), normal(BATCH, 3, 4)), each(operator.add), "rank"),
    Case(ops.Mul(), (normal(BATCH, 3), constant(literal(0.25))), each(operator.mul), "scalar"),
    Case(ops.Sub(), (weight(1, 3), normal(BATCH, 3)), each(operator.sub), "constant_first"),
    Case(ops.Maximum(), (_NAN, literal([math.nan, 1.0])), tf_call("maximum"), "nan"),
    Case(ops.Div(), (_X, _AWAY), each(operator.truediv)),
    Case(ops.Div(), (weight(1), _AWAY), each(operator.truediv), "constant_first"),
    Case(ops.FloorDiv(), (_X, _AWAY), each(operator.floordiv)),
    Case(ops.FloorDiv(), (_SIGNED, _SIGNS), each(operator.floordiv), "i32"),
    Case(ops.FloorDiv(), (literal([1.0, -1.0, 6.5]), literal([np.inf, np.inf, 0.5])), _floored, "infinite"),
    Case(ops.Mod(), (_X, _AWAY), each(operator.mod)),
    Case(ops.Mod(), (_SIGNED, _SIGNS), each(operator.mod), "i32"),
    Case(ops.Mod(), (normal(BATCH, 5, scale=5), constant(literal(-1.5))), each(operator.mod), "negative"),
    Case(ops.Pow(), (_AWAY, _X), each(operator.pow)),
    Case(ops.Pow(), (_X, constant(literal(2.0))), each(operator.pow), "square"),
    Case(ops.Pow(), (_I, integers(0, 3, BATCH, 6)), each(operator.pow), "i32"),
    Case(ops.Atan2(), (_X, _Y), each(math.atan2)),
    *(Case(op, (_X, _Y), each(fn)) for op, fn in _COMPARISONS.items()),
    *(Case(op, (_I, integers(-9, 9, 6)), each(fn), "i32") for op, fn in _COMPARISONS.items()),
    *(
        Case(op, (literal([1.0, math.nan]), literal([math.nan] * 2)), each(fn), "nan")
        for op, fn in _COMPARISONS.items()
    ),
    Case(ops.Equal(), (_P, _Q), each(operator.eq), "bool"),
    *(Case(op, (_P, _Q), each(fn)) for op, fn in _LOGIC.items()),
    *(Case(op, (_I, _J), each(fn)) for op, fn in _BITS.items()),
    Case(ops.ShiftLeft(), (_I, integers(0, 8, BATCH, 6)), each(operator.lshift)),
    Case(ops.ShiftRight(), (_I, integers(0, 3, BATCH, 6)), each(operator.rshift)),
    Case(ops.Select(), (booleans(BATCH, 3, 4), _X, _Y), each(lambda c, a, b: a if c else b)),
    Case(ops.Select(), (booleans(BATCH, 1, 4), _X, constant(literal(-1e9))), tf_call("where"), "mask"),
    Case(ops.Select(), (booleans(3), integers(0, 9, BATCH, 1), literal(7, DType.I32)), tf_call("where"), "i32"),
    Case(ops.Select(), (booleans(BATCH, 3, 4), booleans(4), booleans(BATCH, 3, 1)), tf_call("where"), "bool"),
]
