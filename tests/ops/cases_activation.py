"""Cases of the activation functions."""

from __future__ import annotations

import math

import numpy as np

from kexport import ops
from kexport.ir.types import DType
from tests.ops.case import BATCH, Case, integers, literal, normal, uniform, weight
from tests.ops.expected import each, keras_call

_X = normal(BATCH, 3, 8, scale=3.0)
_FAR = literal([-1000.0, -90.0, -20.0, -1e-3, 0.0, 1e-3, 20.0, 90.0, 1000.0])
_TAIL = uniform(-60.0, -40.0, BATCH, 4)
_WHOLE = integers(-9, 9, BATCH, 5)
_F32 = 1e-8
"""Keras has the constants of these in float32."""

_PLAIN = {
    ops.Relu(): "ops.relu",
    ops.Relu6(): "ops.relu6",
    ops.Sigmoid(): "ops.sigmoid",
    ops.Tanh(): "ops.tanh",
    ops.Selu(): "ops.selu",
    ops.Softplus(): "ops.softplus",
    ops.Softsign(): "ops.softsign",
    ops.Silu(): "ops.silu",
    ops.HardSigmoid(): "ops.hard_sigmoid",
    ops.HardSilu(): "ops.hard_silu",
    ops.Mish(): "activations.mish",
}

CASES = [
    *(Case(op, (_X,), keras_call(path)) for op, path in _PLAIN.items()),
    *(Case(op, (_FAR,), keras_call(path), "far") for op, path in _PLAIN.items()),
    Case(ops.Sigmoid(), (_TAIL,), each(lambda x: 1 / (1 + math.exp(-x))), "tail"),
    Case(ops.Softplus(), (_TAIL,), each(lambda x: math.log1p(math.exp(x))), "tail"),
    Case(ops.Silu(), (_TAIL,), each(lambda x: x / (1 + math.exp(-x))), "tail"),
    Case(ops.Relu(), (_WHOLE,), each(lambda x: max(x, 0)), "i32"),
    Case(ops.Relu6(), (_WHOLE,), each(lambda x: min(max(x, 0), 6)), "i32"),
    Case(ops.LeakyRelu(), (_X,), keras_call("ops.leaky_relu", negative_slope=0.2), tolerance=_F32),
    Case(ops.LeakyRelu(0.25), (_X,), keras_call("ops.leaky_relu", negative_slope=0.25), "alpha"),
    Case(ops.Elu(), (_X,), keras_call("ops.elu")),
    Case(ops.Elu(0.5), (_FAR,), keras_call("ops.elu", alpha=0.5), "alpha"),
    Case(ops.Celu(), (_X,), keras_call("ops.celu")),
    Case(ops.Celu(0.5), (_FAR,), keras_call("ops.celu", alpha=0.5), "alpha"),
    Case(ops.Gelu(approximate=False), (_X,), keras_call("ops.gelu", approximate=False), "exact", _F32),
    Case(ops.Gelu(approximate=True), (_X,), keras_call("ops.gelu", approximate=True), "tanh", _F32),
    Case(ops.Gelu(approximate=False), (_FAR,), keras_call("ops.gelu", approximate=False), "exact_far"),
    Case(ops.Gelu(approximate=True), (_FAR,), keras_call("ops.gelu", approximate=True), "tanh_far"),
    Case(ops.Gelu(approximate=False), (_X,), each(lambda x: x * 0.5 * math.erfc(-x * math.sqrt(0.5))), "exact_formula"),
    Case(ops.Threshold(0.5, -2.0), (_X,), keras_call("ops.threshold", threshold=0.5, default_value=-2.0)),
    Case(ops.Threshold(0.0, 0.0), (_X,), each(lambda x: x if x > 0 else 0.0), "zero"),
    Case(ops.Clip(-1.0, 2.0), (_X,), each(lambda x: min(max(x, -1.0), 2.0))),
    Case(ops.Clip(None, 2.0), (_X,), each(lambda x: min(x, 2.0)), "high"),
    Case(ops.Clip(0.25, None), (_X,), each(lambda x: max(x, 0.25)), "low"),
    Case(ops.Clip(-3, 4), (_WHOLE,), each(lambda x: min(max(x, -3), 4)), "i32"),
    Case(ops.Clip(-1, 100), (integers(0, 255, 9, dtype=DType.U8),), each(lambda x: min(x, 100)), "u8"),
    Case(ops.Prelu(), (_X, weight(8)), each(lambda x, a: x if x >= 0 else a * x), "channel"),
    Case(ops.Prelu(), (_X, weight(3, 1)), each(lambda x, a: x if x >= 0 else a * x), "shared"),
    Case(ops.Prelu(), (uniform(-1, 1, 3), normal(3)), lambda x, a: np.maximum(x, 0) + a * np.minimum(x, 0), "input"),
]
