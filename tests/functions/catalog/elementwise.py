"""Functions of elements: x, y float32[batch,4,6]."""

from __future__ import annotations

import numpy as np

from tests.functions.item import Call

ELEMENTWISE: dict[str, Call] = {
    **{name: (lambda k, x, y, name=name: getattr(k, name)(x)) for name in (
        "abs", "absolute", "angle", "arcsinh", "arctan", "cbrt", "ceil", "celu", "conj", "conjugate", "copy", "cos",
        "cosh", "deg2rad", "elu", "erf", "erfc", "exp", "exp2", "expm1", "fabs", "floor", "gelu", "glu",
        "hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh", "i0", "imag", "isfinite", "isinf",
        "isnan", "isneginf", "isposinf", "isreal", "leaky_relu", "log_sigmoid", "log_softmax", "logical_not",
        "nan_to_num", "negative", "ones_like", "rad2deg", "real", "reciprocal", "relu", "relu6", "round", "selu",
        "sigmoid", "sign", "signbit", "silu", "sin", "sinc", "sinh", "soft_shrink", "softmax", "softplus",
        "softsign", "sparse_plus", "sparse_sigmoid", "sparsemax", "square", "squareplus", "stop_gradient", "swish",
        "tan", "tanh", "tanh_shrink", "trunc", "zeros_like",
    )},
    **{name: (lambda k, x, y, name=name: getattr(k, name)(x, y)) for name in (
        "add", "arctan2", "divide", "divide_no_nan", "equal", "floor_divide", "fmax", "fmin", "fmod", "greater",
        "greater_equal", "heaviside", "hypot", "isclose", "less", "less_equal", "logaddexp", "logaddexp2",
        "logical_and", "logical_or", "logical_xor", "maximum", "minimum", "mod", "multiply", "nextafter",
        "not_equal", "subtract", "true_divide",
    )},
    **{name: (lambda k, x, y, name=name: getattr(k, name)(k.abs(x) + 0.1)) for name in (
        "log", "log10", "log1p", "log2", "rsqrt", "sqrt",
    )},
    **{name: (lambda k, x, y, name=name: getattr(k, name)(k.tanh(x) * 0.9)) for name in (
        "arccos", "arcsin", "arctanh", "erfinv",
    )},
    "arccosh": lambda k, x, y: k.arccosh(k.abs(x) + 1.1),
    "clip": lambda k, x, y: k.clip(x, -0.5, 0.7),
    "power": lambda k, x, y: k.power(k.abs(x) + 0.1, y),
    "where": lambda k, x, y: k.where(x > 0, x, y),
    "select": lambda k, x, y: k.select([x > 0, y > 0], [x, y], 0.5),
    "threshold": lambda k, x, y: k.threshold(x, 0.2, -1.0),
    "cast": lambda k, x, y: k.cast(x, "float16"),
    "saturate_cast": lambda k, x, y: k.saturate_cast(x * 300, "uint8"),
    "ldexp": lambda k, x, y: k.ldexp(x, k.cast(y * 3, "int32")),
    "custom_gradient": lambda k, x, y: k.custom_gradient(lambda t: (t * 2, lambda g: g))(x),
    "convert_to_tensor": lambda k, x, y: x + k.convert_to_tensor(np.ones(6, "float32")),
}  # fmt: skip
