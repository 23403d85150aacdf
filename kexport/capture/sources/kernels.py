"""Convolutions of the frameworks that Keras ran on before: kernels that are flipped, and padding that is another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from kexport.errors import CaptureError
from kexport.ir.op import Array

CORRELATING = (None, "tensorflow", "cntk", "mxnet", "plaidml")
"""Backends of Keras that slide a kernel as it is."""
CONVOLVING = ("theano",)
"""Backends that flip it: a convolution in the sense of mathematics."""
FLIPPED = {
    "Conv1D": 1,
    "Conv2D": 1,
    "Conv3D": 1,
    "Conv2DTranspose": 1,
    "Conv3DTranspose": 1,
    "ConvLSTM2D": 2,
}
"""Layer -> how many of its first weights are kernels that Theano flips. Keras itself flipped depthwise ones for it."""
_POOLS = ("MaxPooling", "AveragePooling")
HINT = "save it again from Keras 2 on TensorFlow, where it can be checked against what it was"


def flips(backend: str | None) -> bool:
    """Whether kernels of this backend have to be flipped to be slid.

    Raises:
        CaptureError: an unknown backend.
    """
    if backend not in CORRELATING + CONVOLVING:
        raise CaptureError(f"it was saved on the backend {backend!r}, of which it is not known how it convolves")
    return backend in CONVOLVING


def flip(kernel: Array, axes: int) -> Array:
    """A kernel with its first axes reversed, those of space."""
    return np.ascontiguousarray(np.flip(kernel, tuple(range(axes))))


def convert_kernels(model: Any, backend: str | None, path: str) -> None:
    """Flip the kernels of a loaded Keras 2 model, where the backend it was saved on convolves.

    Raises:
        CaptureError: an unknown backend, or padding that differs on it.
    """
    if not flips(backend):
        return
    check_padding(model, path)
    for layer in leaves(model):
        count = FLIPPED.get(type(layer).__name__, 0)
        if count:
            weights = layer.get_weights()
            layer.set_weights([flip(w, w.ndim - 2) if i < count else w for i, w in enumerate(weights)])


def leaves(model: Any) -> Iterator[Any]:
    """The layers of a model, with what wrappers hold in the place of the wrappers; each once."""
    seen: set[int] = set()
    for layer in model._flatten_layers(include_self=False):
        if id(layer) not in seen and not hasattr(layer, "layers"):
            seen.add(id(layer))
            yield layer


def check_padding(model: Any, path: str) -> None:
    """Refuse padding "same" where Theano puts it elsewhere than TensorFlow does: half of the kernel on each side.

    Raises:
        CaptureError: names the layer and the sizes.
    """
    for layer in leaves(model):
        _check_padding(layer, path)


def _check_padding(layer: Any, path: str) -> None:
    if getattr(layer, "padding", None) != "same" or not hasattr(layer, "strides"):
        return
    kind = type(layer).__name__
    transposed = "Transpose" in type(layer).__name__
    pools = kind.startswith(_POOLS)
    sizes = layer.pool_size if pools else layer.kernel_size
    sizes = (sizes,) if isinstance(sizes, int) else tuple(sizes)
    dilation = (1,) * len(sizes) if pools else layer.dilation_rate
    sizes = tuple((k - 1) * d + 1 for k, d in zip(sizes, dilation, strict=True))
    strides = (layer.strides,) if isinstance(layer.strides, int) else layer.strides
    shape = layer.output_shape if transposed else layer.input_shape
    space = shape[2:] if getattr(layer, "data_format", "") == "channels_first" else shape[1:-1]
    for k, s, n in zip(sizes, strides, space, strict=True):
        theirs = (k - 2 if k > 2 and k % 2 else k - 1) if pools else k // 2
        if _before(k, s, n) != theirs:
            raise CaptureError(
                f"its padding 'same' of windows of {k} at steps of {s} over {n or 'unknown'} elements begins elsewhere "
                "in Theano, on which the model was saved",
                where=f"{path}: {layer.name}",
                hint=HINT,
            )


def _before(k: int, s: int, n: int | None) -> int | None:
    """How many elements TensorFlow puts before the first; None where that depends on a size."""
    if s == 1 or k == 1:
        return (k - 1) // 2
    return None if n is None else max((-(-n // s) - 1) * s + k - n, 0) // 2
