"""Cases of the elementwise functions of one operand."""

from __future__ import annotations

import math

import numpy as np

from kexport import ops
from kexport.ir.types import DType
from tests.ops.case import BATCH, Case, booleans, integers, literal, normal, uniform
from tests.ops.expected import each, tf_call

_X = normal(BATCH, 3, 4, scale=2.0)
_UNIT = uniform(-1.0, 1.0, BATCH, 3, 4)
_POSITIVE = uniform(0.1, 9.0, BATCH, 3, 4)
_SMALL = uniform(-1e-4, 1e-4, BATCH, 3)
_HALVES = literal([[-2.5, -1.5, -0.5, 0.5, 1.5, 2.5], [-1.2, -0.7, 0.0, 0.3, 0.8, 3.0]])
_SPECIAL = literal([[0.0, -0.0, 1.5], [np.nan, np.inf, -np.inf]])
_WHOLE = integers(-9, 9, BATCH, 5)

CASES = [
    Case(ops.Neg(), (_X,), each(lambda x: -x)),
    Case(ops.Neg(), (_WHOLE,), each(lambda x: -x), "i32"),
    Case(ops.Abs(), (_X,), each(abs)),
    Case(ops.Abs(), (_WHOLE,), each(abs), "i32"),
    Case(ops.Sign(), (_X,), each(lambda x: (x > 0) - (x < 0))),
    Case(ops.Sign(), (_WHOLE,), each(lambda x: (x > 0) - (x < 0)), "i32"),
    Case(ops.Square(), (_X,), each(lambda x: x * x)),
    Case(ops.Square(), (_WHOLE,), each(lambda x: x * x), "i32"),
    Case(ops.Reciprocal(), (_POSITIVE,), each(lambda x: 1 / x)),
    Case(ops.Sqrt(), (_POSITIVE,), each(math.sqrt)),
    Case(ops.Rsqrt(), (_POSITIVE,), each(lambda x: 1 / math.sqrt(x))),
    Case(ops.Exp(), (_X,), each(math.exp)),
    Case(ops.Expm1(), (_X,), each(math.expm1)),
    Case(ops.Expm1(), (_SMALL,), each(lambda x: math.expm1(x)), "small"),
    Case(ops.Log(), (_POSITIVE,), each(math.log)),
    Case(ops.Log(), (literal([0.0, -1.0, 1.0]),), each(lambda x: -math.inf if x == 0 else math.log(x)), "edge"),
    Case(ops.Log1p(), (_POSITIVE,), each(math.log1p)),
    Case(ops.Log1p(), (_SMALL,), each(math.log1p), "small"),
    Case(ops.Floor(), (_HALVES,), each(math.floor)),
    Case(ops.Ceil(), (_HALVES,), each(math.ceil)),
    Case(ops.Round(), (_HALVES,), tf_call("round")),
    Case(ops.Sin(), (_X,), each(math.sin)),
    Case(ops.Cos(), (_X,), each(math.cos)),
    Case(ops.Tan(), (_UNIT,), each(math.tan)),
    Case(ops.Asin(), (_UNIT,), each(math.asin)),
    Case(ops.Acos(), (_UNIT,), each(math.acos)),
    Case(ops.Atan(), (_X,), each(math.atan)),
    Case(ops.Sinh(), (_X,), each(math.sinh)),
    Case(ops.Cosh(), (_X,), each(math.cosh)),
    Case(ops.Asinh(), (_X,), each(math.asinh)),
    Case(ops.Acosh(), (uniform(1.0, 9.0, BATCH, 4),), each(math.acosh)),
    Case(ops.Atanh(), (uniform(-0.95, 0.95, BATCH, 4),), each(math.atanh)),
    Case(ops.Erf(), (_X,), each(math.erf)),
    Case(ops.LogicalNot(), (booleans(BATCH, 5),), each(lambda x: not x)),
    Case(ops.BitNot(), (_WHOLE,), each(lambda x: ~x)),
    Case(ops.BitNot(), (integers(0, 255, 4, dtype=DType.U8),), each(lambda x: 255 - x), "u8"),
    Case(ops.IsNan(), (_SPECIAL,), each(math.isnan)),
    Case(ops.IsInf(), (_SPECIAL,), each(math.isinf)),
    Case(ops.IsFinite(), (_SPECIAL,), each(math.isfinite)),
    Case(ops.Cast(DType.I32), (_HALVES,), each(math.trunc), "f_to_i32"),
    Case(ops.Cast(DType.BOOL), (_HALVES,), each(bool), "f_to_bool"),
    Case(ops.Cast(DType.F32), (_WHOLE,), each(float), "i32_to_f"),
    Case(ops.Cast(DType.F32), (booleans(BATCH, 5),), each(float), "bool_to_f"),
    Case(ops.Cast(DType.I32), (booleans(BATCH, 5),), each(int), "bool_to_i32"),
    Case(ops.Cast(DType.I64), (_WHOLE,), each(int), "i32_to_i64"),
    Case(ops.Cast(DType.U8), (integers(-300, 300, BATCH, 9),), each(lambda x: x % 256), "i32_to_u8"),
    Case(ops.Cast(DType.F16), (_X,), lambda x: x.astype(np.float16 if x.dtype == np.float32 else x.dtype), "f_to_f16"),
]
