"""The functions and constants that a lambda may name: by the module they are looked for in, each by its exact name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kexport.capture.sources.allowed.tensorflow import is_pure


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


BACKEND = _words(
    """abs all any arange argmax argmin batch_dot batch_flatten cast clip concatenate constant cos cumprod cumsum
    depth_to_space dot dtype elu epsilon equal exp expand_dims eye flatten floatx gather greater greater_equal
    hard_sigmoid identity image_data_format int_shape l2_normalize less less_equal log logsumexp max maximum mean
    min minimum ndim not_equal one_hot ones ones_like permute_dimensions pow prod random_bernoulli random_normal
    random_uniform relu repeat repeat_elements reshape resize_images reverse round shape sigmoid sign sin softmax
    softplus softsign spatial_2d_padding sqrt square squeeze stack std stop_gradient sum switch tanh
    temporal_padding tile transpose truncated_normal var zeros zeros_like"""
)
"""Functions of `keras.backend` that make tensors of tensors and do nothing else."""
OPERATIONS = _words(
    """abs absolute add all any arange arccos argmax argmin argsort array average broadcast_to cast ceil clip
    concatenate cos cosh cross cumprod cumsum divide dot einsum elu equal erf exp expand_dims expm1 flip floor gelu
    greater greater_equal hard_sigmoid hard_silu hard_swish isfinite isinf isnan leaky_relu less less_equal log
    log10 log1p log2 log_sigmoid log_softmax logical_and logical_not logical_or logsumexp matmul max maximum mean
    median min minimum mod moveaxis multiply negative norm normalize not_equal one_hot ones ones_like outer pad
    power prod real reciprocal relu relu6 repeat reshape roll round rsqrt segment_sum selu shape sigmoid sign silu
    sin sinh slice softmax softplus softsign sort split sqrt square squeeze stack std stop_gradient subtract sum
    swapaxes swish take take_along_axis tan tanh tensordot tile top_k transpose tri tril triu true_divide unstack
    var where zeros zeros_like"""
)
"""Functions of `keras.ops`."""
ACTIVATIONS = _words(
    """elu exponential gelu hard_sigmoid hard_silu hard_swish leaky_relu linear log_softmax mish relu relu6 selu
    sigmoid silu softmax softplus softsign swish tanh"""
)
"""Functions of `keras.activations`."""
NUMBERS: Mapping[str, Callable[..., Any]] = {
    "abs": np.abs, "arange": np.arange, "array": np.array, "asarray": np.asarray, "cos": np.cos, "exp": np.exp,
    "float32": np.float32, "float64": np.float64, "int32": np.int32, "int64": np.int64, "log": np.log,
    "log10": np.log10, "log2": np.log2, "ones": np.ones, "power": np.power, "prod": np.prod, "reshape": np.reshape,
    "sin": np.sin, "sqrt": np.sqrt, "square": np.square, "zeros": np.zeros,
}  # fmt: skip
"""Functions of NumPy and `math`, which compute with numbers alone."""
BUILTINS: Mapping[str, Any] = {
    "True": True,
    "False": False,
    "None": None,
    "abs": abs,
    "float": float,
    "int": int,
    "len": len,
    "list": list,
    "tuple": tuple,
}
"""Functions of Python itself, and the constants that Python 2 takes for names."""
CONSTANTS = {"pi": math.pi, "e": math.e, "newaxis": None}
"""Of NumPy and `math`."""
TYPES = _words(
    """float16 bfloat16 float32 float64 int8 uint8 int16 int32 int64 uint16 uint32 uint64 bool string newaxis"""
)
"""What `tf.float32` and the like may be."""
METHODS = frozenset(("get_shape", "as_list"))
ATTRIBUTES = frozenset(("shape", "dtype", "ndim", "rank"))
"""The attributes and methods of a tensor that may be used."""
RANDOM = _words(
    """K.random_normal K.random_uniform K.truncated_normal tf.random.normal tf.random.uniform tf.random_normal
    tf.random_uniform tf.random.truncated_normal"""
)
"""Random draws, whose shape may contain a size that is not in the file."""
ROOTS = {
    "K": "K", "backend": "K", "keras.backend": "K", "tf.keras.backend": "K", "tensorflow.keras.backend": "K",
    "tensorflow.python.keras.backend": "K", "tf.python.keras.backend": "K", "keras.src.backend": "K",
    "tf": "tf", "tensorflow": "tf", "tf.compat.v1": "tf", "ops": "ops", "keras.ops": "ops", "np": "np",
    "numpy": "np", "math": "np", "activations": "activations", "keras.activations": "activations",
    "tf.keras.activations": "activations", "tensorflow.keras.activations": "activations",
}  # fmt: skip
"""The names under which modules are imported by everybody -> the module that is meant."""


@dataclass(frozen=True)
class Modules:
    """The modules that functions are taken from."""

    K: Any
    tf: Any
    ops: Any
    activations: Any


def canonical(name: str) -> str | None:
    """A dotted name below the module that is meant, `K.exp`; a name alone as it is; None for one of no known module."""
    if "." not in name:
        return name
    parts = name.split(".")
    for count in range(len(parts) - 1, 0, -1):
        root = ROOTS.get(".".join(parts[:count]))
        if root:
            return ".".join([root, *parts[count:]])
    return None


def is_known(name: str) -> bool:
    """Whether a dotted name, as a lambda has it, is a function or constant that it may name."""
    found = canonical(name)
    if found is None:
        return False
    root, _, rest = found.partition(".")
    if not rest:
        return root in BUILTINS
    return _KNOWN[root](rest) or found in SPECIAL


def find(name: str, modules: Modules) -> Any:
    """The function or constant of a known name."""
    found = canonical(name) or name
    root, _, rest = found.partition(".")
    if not rest:
        return BUILTINS[root]
    if found in SPECIAL:
        return SPECIAL[found]
    if root == "np":
        return NUMBERS[rest] if rest in NUMBERS else CONSTANTS[rest]
    if root == "tf" and rest == "newaxis":
        return None
    value = getattr(modules, root)
    for part in rest.split("."):
        value = getattr(value, part)
    return value


def _alternative(x: Any, alternative: Any, training: Any = None) -> Any:
    """Return the inference branch of `in_train_phase`."""
    return alternative


def _first(x: Any, alternative: Any, training: Any = None) -> Any:
    return x


SPECIAL: Mapping[str, Callable[..., Any]] = {
    "K.in_train_phase": _alternative,
    "K.in_test_phase": _first,
    "K.learning_phase": lambda: False,
    "K.variable": lambda value, dtype="float32", name=None: np.asarray(value, dtype),
}
"""Functions that ask whether a model is trained, and one that would make a variable."""
_KNOWN: Mapping[str, Callable[[str], bool]] = {
    "K": BACKEND.__contains__,
    "tf": lambda rest: is_pure(rest) or rest in TYPES,
    "ops": OPERATIONS.__contains__,
    "activations": ACTIVATIONS.__contains__,
    "np": lambda rest: rest in NUMBERS or rest in CONSTANTS,
}
