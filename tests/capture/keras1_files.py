"""Whole-model .h5 files as Keras 1 wrote them, made by hand, and what its layers compute, in numpy."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kexport.ir.op import Array

Weights = Mapping[str, Sequence[tuple[str, Array]]]
RANDOM = np.random.default_rng(1)
TRAINING = {"init": "glorot_uniform", "W_regularizer": None, "b_regularizer": None, "trainable": True}


def layer(kind: str, name: str, **options: Any) -> dict[str, Any]:
    """A layer as a Sequential model of Keras 1 lists it."""
    return {"class_name": kind, "config": {"name": name, **TRAINING, **options}}


def node(kind: str, name: str, before: Sequence[str], **options: Any) -> dict[str, Any]:
    """A layer as a functional model of Keras 1 lists it."""
    calls = [[[b, 0, 0] for b in before]] if before else []
    return {**layer(kind, name, **options), "name": name, "inbound_nodes": calls}


def write(
    path: Path, model: Any, weights: Weights, backend: str | None = "tensorflow", version: str | None = "1.2.2"
) -> Path:
    """A file of a model (a list of layers, or a dict) with weights by layer."""
    import h5py

    config = {"class_name": "Sequential", "config": model} if isinstance(model, list) else model
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(config).encode()
        if version:
            file.attrs["keras_version"] = version.encode()
        root = file.create_group("model_weights")
        root.attrs["layer_names"] = [n.encode() for n in weights]
        if backend:
            root.attrs["backend"] = backend.encode()
        for name, arrays in weights.items():
            group = root.create_group(name)
            group.attrs["weight_names"] = [w.encode() for w, _ in arrays]
            for weight, array in arrays:
                group[weight] = array
    return path


def functional(layers: list[dict[str, Any]], inputs: Sequence[str], outputs: Sequence[str]) -> dict[str, Any]:
    """A functional model of Keras 1."""
    ports = {"input_layers": [[n, 0, 0] for n in inputs], "output_layers": [[n, 0, 0] for n in outputs]}
    return {"class_name": "Model", "config": {"name": "model_1", "layers": layers, **ports}}


def port(name: str, *shape: int | None, dtype: str = "float32") -> dict[str, Any]:
    """An input of a functional model."""
    config = {"name": name, "batch_input_shape": [None, *shape], "input_dtype": dtype, "sparse": False}
    return {"class_name": "InputLayer", "config": config, "name": name, "inbound_nodes": []}


def some(*shape: int) -> Array:
    """Random numbers."""
    return RANDOM.standard_normal(shape).astype(np.float32)


def named(name: str, **arrays: Array) -> list[tuple[str, Array]]:
    """Weights with the names that Theano's variables had."""
    return [(f"{name}_{part}", array) for part, array in arrays.items()]


def hard_sigmoid(x: Array) -> Array:
    """That of Keras 1 and 2."""
    return np.clip(0.2 * x + 0.5, 0, 1)


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-x))


def lstm(x: Array, w: Mapping[str, Array]) -> Array:
    """All outputs, gate by gate."""
    h = c = np.zeros((len(x), w["b_i"].size))
    steps = []
    for t in range(x.shape[1]):
        z = {g: x[:, t] @ w[f"W_{g}"] + h @ w[f"U_{g}"] + w[f"b_{g}"] for g in "icfo"}
        c = hard_sigmoid(z["f"]) * c + hard_sigmoid(z["i"]) * np.tanh(z["c"])
        h = hard_sigmoid(z["o"]) * np.tanh(c)
        steps.append(h)
    return np.stack(steps, 1)


def gru(x: Array, w: Mapping[str, Array]) -> Array:
    """The last output, gate by gate; the reset gate comes before the product."""
    h = np.zeros((len(x), w["b_z"].size))
    for t in range(x.shape[1]):
        z, r = (hard_sigmoid(x[:, t] @ w[f"W_{g}"] + h @ w[f"U_{g}"] + w[f"b_{g}"]) for g in "zr")
        new = np.tanh(x[:, t] @ w["W_h"] + (r * h) @ w["U_h"] + w["b_h"])
        h = z * h + (1 - z) * new
    return h


def gates(order: str, wide: int, units: int) -> dict[str, Array]:
    """The weights of a gated layer, in the order in which Keras 1 has them."""
    return {
        f"{part}_{g}": some(*shape)
        for g in order
        for part, shape in (("W", (wide, units)), ("U", (units, units)), ("b", (units,)))
    }
