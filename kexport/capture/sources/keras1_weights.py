"""Reads the weights of a Keras 1 file into a model of Keras 2 that was made of its config."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kexport.capture.sources.kernels import FLIPPED, flip
from kexport.errors import CaptureError
from kexport.ir.op import Array

Named = Sequence[tuple[str, Array]]
Groups = Mapping[str, Named]
"""Names and values of weights, by the layer they were saved under."""


def read_groups(group: Any) -> dict[str, list[tuple[str, Array]]]:
    """The weights in the HDF5 group `model_weights`, in its order."""
    return {
        name: [(w, np.asarray(group[name][w])) for w in names_in(group[name], "weight_names")]
        for name in names_in(group, "layer_names")
    }


def names_in(group: Any, attribute: str) -> list[str]:
    """An attribute that lists names."""
    return [n.decode("utf-8") if isinstance(n, bytes) else str(n) for n in group.attrs.get(attribute, ())]


def assign(model: Any, groups: Groups, flipped: bool, path: str) -> None:
    """Give every layer of the model its weights; kernels are flipped for Theano.

    Raises:
        CaptureError: weights are missing, left over or of another shape; names the layer.
    """
    left = {name: named for name, named in groups.items() if named}
    for layer in model.layers:
        if layer.name in left:
            _assign_layer(layer, left.pop(layer.name), flipped, path)
        elif hasattr(layer, "layers"):
            inner = {x.name: left.pop(x.name) for x in layer.layers if x.name in left}
            assign(layer, inner, flipped, path)
        elif layer.weights:
            raise CaptureError("its weights are not in the file", where=f"{path}: {layer.name}")
    if left:
        raise CaptureError(f"there are weights of no layer in it: {', '.join(left)}", where=path)


def _assign_layer(layer: Any, named: Named, flipped: bool, path: str) -> None:
    if hasattr(layer, "layers"):
        assign(layer, _by_layer(layer, named, path), flipped, path)
        return
    where = f"{path}: {layer.name}"
    found = [(type(inner).__name__, inner, part) for inner, part in _parts(layer, [a for _, a in named], where)]
    made: list[Array] = []
    for kind, inner, part in found:
        converted = _convert(kind, inner, part)
        kernels = FLIPPED.get(kind, 0) if flipped else 0
        kernels = 1 if flipped and kind == "SeparableConv2D" else kernels
        made += [flip(w, w.ndim - 2) if i < kernels else w for i, w in enumerate(converted)]
    have = [w.shape for w in made]
    want = [tuple(w.shape) for w in layer.weights]
    if have != want:
        raise CaptureError(f"its weights have shapes {have}, and its options ask for {want}", where=where)
    layer.set_weights(made)


def _parts(layer: Any, arrays: list[Array], where: str) -> list[tuple[Any, list[Array]]]:
    """The layers that hold the weights of a layer, which may be a wrapper, each with its own."""
    if hasattr(layer, "forward_layer"):
        half = len(arrays) // 2
        if len(arrays) % 2:
            raise CaptureError(f"{len(arrays)} weights are not those of two directions", where=where)
        return [(layer.forward_layer, arrays[:half]), (layer.backward_layer, arrays[half:])]
    return [(getattr(layer, "layer", layer), arrays)]


def _by_layer(model: Any, named: Named, path: str) -> dict[str, list[tuple[str, Array]]]:
    """The weights of a model within a model, told apart by the layer names that their own names begin with."""
    owners: dict[str, str] = {}
    for layer in _all_layers(model):
        owners |= {f"{d}{x.name}": layer.name for x in (layer, getattr(layer, "layer", layer)) for d in _WAYS}
    groups: dict[str, list[tuple[str, Array]]] = {}
    for name, array in named:
        fits = [o for o in owners if name.startswith(f"{o}_")]
        if not fits:
            raise CaptureError(f"the weight {name!r} cannot be told to be of a layer", where=f"{path}: {model.name}")
        groups.setdefault(owners[max(fits, key=len)], []).append((name, array))
    return _nested(model, groups)


_WAYS = ("", "forward_", "backward_")


def _all_layers(model: Any) -> list[Any]:
    return [x for layer in model.layers for x in (_all_layers(layer) if hasattr(layer, "layers") else [layer])]


def _nested(model: Any, groups: dict[str, list[tuple[str, Array]]]) -> dict[str, list[tuple[str, Array]]]:
    """The groups under the names of the layers of this very model: those of models in it together again."""
    result: dict[str, list[tuple[str, Array]]] = {}
    for layer in model.layers:
        inner = _all_layers(layer) if hasattr(layer, "layers") else [layer]
        result[layer.name] = [pair for x in inner for pair in groups.get(x.name, ())]
    return result


def _convert(kind: str, layer: Any, weights: list[Array]) -> list[Array]:
    """The weights of a layer as Keras 2 has them; the count and the shapes are checked afterwards."""
    convert = _CONVERT.get(kind)
    return convert(layer, weights) if convert and weights else weights


def _conv1d(layer: Any, weights: list[Array]) -> list[Array]:
    """[length, 1, in, out], or before 1.1 [out, in, length, 1], as [length, in, out]."""
    kernel = weights[0]
    if kernel.ndim == 4 and (kernel.shape[:2] != (layer.kernel_size[0], 1) or kernel.shape[3] != layer.filters):
        kernel = kernel.transpose(2, 3, 1, 0)
    return [kernel[:, 0] if kernel.ndim == 4 else kernel, *weights[1:]]


def _conv(layer: Any, weights: list[Array]) -> list[Array]:
    """channels_first: [out, in, *space] as [*space, in, out]."""
    return [_space_first(layer, weights[0]), *weights[1:]]


def _transposed(layer: Any, weights: list[Array]) -> list[Array]:
    """As `_conv`, with the last two axes exchanged."""
    return [np.swapaxes(_space_first(layer, weights[0]), -1, -2), *weights[1:]]


def _separable(layer: Any, weights: list[Array]) -> list[Array]:
    """channels_first: [multiplier, in, rows, columns] and [out, in * multiplier, 1, 1] as those of channels_last."""
    return [*(_space_first(layer, w) for w in weights[:2]), *weights[2:]]


def _space_first(layer: Any, kernel: Array) -> Array:
    if layer.data_format != "channels_first":
        return kernel
    return kernel.transpose(*range(2, kernel.ndim), 1, 0)


def _gates(*order: int) -> Callable[[Any, list[Array]], list[Array]]:
    """Three weights for each gate, one gate after the other, as three weights of all gates in this order."""

    def convert(layer: Any, weights: list[Array]) -> list[Array]:
        if len(weights) != 3 * len(order):
            return weights  # of a layer made with consume_less="gpu", which has them together, in the order of Keras 2
        return [np.concatenate([weights[3 * gate + i] for gate in order], -1) for i in range(3)]

    return convert


_CONVERT: Mapping[str, Callable[[Any, list[Array]], list[Array]]] = {
    "Conv1D": _conv1d,
    "Conv2D": _conv,
    "Conv3D": _conv,
    "Conv2DTranspose": _transposed,
    "SeparableConv2D": _separable,
    "LSTM": _gates(0, 2, 1, 3),
    "GRU": _gates(0, 1, 2),
}
"""LSTM gates were saved in the order i, c, f, o and are i, f, c, o in Keras 2; those of a GRU z, r, h in both."""
