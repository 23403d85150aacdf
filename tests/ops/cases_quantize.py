"""Cases of quantization: whole tensors, axes and blocks, all integers, halves and what lies beyond the ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kexport import ops
from kexport.ir.types import DType
from tests.ops.case import BATCH, Case, Operand, integers, literal, normal

BOUNDS = {DType.I4: (-8, 7), DType.U4: (0, 15), DType.I8: (-128, 127), DType.U8: (0, 255), DType.I16: (-32768, 32767)}


def _zeros(values: Any, dtype: DType) -> Operand:
    return literal(values, dtype)


def _rounded(dtype: DType, axis: int | None = None) -> Callable[..., Any]:
    """Quantization of one number after the other, in Python, whose `round` takes halves to even."""
    low, high = BOUNDS[dtype]

    def expected(x: Any, scale: Any, zero: Any) -> Any:
        found = np.empty(x.shape, np.int64)
        for place, number in np.ndenumerate(x):
            at = () if axis is None else (place[axis],)
            found[place] = min(max(round(float(number) / float(scale[at])) + int(zero[at]), low), high)
        return found.astype(dtype.numpy)

    return expected


def _real(axis: int | None = None, block: int = 1) -> Callable[..., Any]:
    def expected(q: Any, scale: Any, zero: Any) -> Any:
        found = np.empty(q.shape, np.float64)
        for place, number in np.ndenumerate(q):
            at = () if axis is None else (place[axis],)
            if block > 1:
                at = tuple(p // block if i == axis else p for i, p in enumerate(place))
            found[place] = (int(number) - int(zero[at])) * float(scale[at])
        return found

    return expected


_X = normal(BATCH, 5, 3, scale=3.0)
_HALVES = literal([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.0, 300.0, -300.0])
_I8 = integers(-128, 127, BATCH, 4, 3, dtype=DType.I8)
_U8 = integers(0, 255, BATCH, 4, dtype=DType.U8)
_ROWS = integers(-128, 127, 4, 2, dtype=DType.I8)
_BLOCKS = literal([[0.5, 0.25], [0.125, 2.0]])
_SCALES = literal([0.5, 0.25, 0.125])

CASES = [
    Case(ops.Quantize(DType.I8), (_X, literal(0.03125), _zeros(-3, DType.I8)), _rounded(DType.I8)),
    Case(ops.Quantize(DType.I8), (_HALVES, literal(1.0), _zeros(0, DType.I8)), _rounded(DType.I8), "halves"),
    Case(ops.Quantize(DType.U8), (_X, literal(0.0625), _zeros(128, DType.U8)), _rounded(DType.U8), "u8"),
    Case(ops.Quantize(DType.I16), (_HALVES, literal(0.125), _zeros(0, DType.I16)), _rounded(DType.I16), "i16"),
    Case(ops.Quantize(DType.I8, 2), (_X, _SCALES, _zeros([0, 5, -7], DType.I8)), _rounded(DType.I8, 2), "axis"),
    Case(ops.Dequantize(), (_I8, literal(0.03125), _zeros(-3, DType.I8)), _real()),
    Case(ops.Dequantize(), (_U8, literal(0.5), _zeros(99, DType.U8)), _real(), "u8"),
    Case(ops.Dequantize(-1), (_I8, _SCALES, _zeros([0, 5, -7], DType.I8)), _real(2), "axis"),
    Case(ops.Dequantize(0, 2), (_ROWS, _BLOCKS, _zeros([[0, 1], [2, 3]], DType.I8)), _real(0, 2), "blocks"),
]
