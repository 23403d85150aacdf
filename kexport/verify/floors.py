"""The worst errors of engines' elementary functions, as data.

Measured by `python -m tests.noise.functions` on 60,000 numbers from -100 to 100 in ONNX Runtime 1.31.1, LiteRT 2.3.0
with XNNPACK and without, TensorFlow.js 4.22 (wasm) and TensorFlow 2.21; an entry is the worst of these, and its engine
is named. An absolute error near 1e-7 does not matter to a result near 1. It does to one near 1e-5, such as the
probability of a class that a sigmoid all but rules out, of which no float32 run of another formula knows anything.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Floor:
    """The worst error of a function y of x: the sum of these parts."""

    absolute: float = 0.0
    by_argument: float = 0.0
    """Times |x|."""
    relative: float = 0.0
    """Times |y|."""
    by_both: float = 0.0
    """Times |x| |y|: the effect of rounding a large exponent."""
    negative: bool = False
    """Whether only results below 0 are computed, and others copied."""
    low: float | None = None
    high: float | None = None
    """The range of the function, which no engine leaves."""


FLOORS: dict[str, Floor] = {
    "sigmoid": Floor(1.0e-7, low=0, high=1),  # ONNX Runtime, at -18, where it clamps
    "tanh": Floor(relative=2.8e-7, low=-1, high=1),  # TensorFlow
    "softplus": Floor(1.8e-7, low=0),  # XNNPACK
    "silu": Floor(by_argument=1.0e-7),  # ONNX Runtime: x times its sigmoid
    "mish": Floor(by_argument=1.8e-7),  # XNNPACK: x times the tanh of its softplus
    "gelu": Floor(by_argument=1.7e-7),  # TensorFlow, either formula
    "elu": Floor(6.0e-8, negative=True),  # TensorFlow, ONNX Runtime: exp(x) - 1
    "celu": Floor(6.0e-8, negative=True),
    "selu": Floor(1.1e-7, negative=True),
    "hard_sigmoid": Floor(2.0e-8, low=0, high=1),  # ONNX Runtime
    "hard_silu": Floor(by_argument=2.1e-8),  # ONNX Runtime
    "softsign": Floor(relative=1.2e-7, low=-1, high=1),
    "softmax": Floor(relative=3.3e-7, low=0, high=1),  # LiteRT
    "log_softmax": Floor(2.6e-7, relative=1.2e-6),  # LiteRT
    "exp": Floor(relative=1.2e-7, by_both=4.3e-8),  # XNNPACK
    "expm1": Floor(2.7e-8, relative=3.3e-7, by_both=4.3e-8, low=-1),  # ONNX Runtime, XNNPACK
    "sinh": Floor(relative=1.2e-7, by_both=4.3e-8),
    "cosh": Floor(relative=1.2e-7, by_both=4.3e-8),
    "log": Floor(1.3e-7, relative=2.0e-7),  # XNNPACK
    "log1p": Floor(1.5e-7, relative=2.7e-7),  # XNNPACK
    "erf": Floor(relative=3.5e-7, low=-1, high=1),  # TensorFlow
    "sin": Floor(2.4e-7, low=-1, high=1),  # TensorFlow.js
    "cos": Floor(3.3e-7, low=-1, high=1),  # TensorFlow.js
    "tan": Floor(relative=4.0e-7),  # XNNPACK
    "asin": Floor(relative=3.2e-7),  # ONNX Runtime
    "acos": Floor(1.8e-8, relative=2.5e-7),  # ONNX Runtime
    "atan": Floor(relative=2.5e-7),  # TensorFlow
    "atan2": Floor(relative=2.6e-7),  # ONNX Runtime
    "asinh": Floor(1.5e-7, relative=3.0e-7),  # XNNPACK
    "acosh": Floor(1.2e-7, relative=2.0e-7),  # XNNPACK
    "atanh": Floor(7.4e-8, relative=5.7e-7),  # XNNPACK
    "rsqrt": Floor(relative=2.0e-7),  # TensorFlow
    "reciprocal": Floor(relative=1.6e-7),  # TensorFlow
}
"""The floor of each function by the name of its op; rounding alone is not listed."""
