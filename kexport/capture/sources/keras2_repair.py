"""Old Keras 2 configs, brought to the layers and options that tf_keras has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kexport.errors import CaptureError

Config = dict[str, Any]
Biases = Mapping[str, tuple[int, ...]]
"""The shape of each bias in a file, by the full name of the variable."""

CUDNN = {"CuDNNLSTM": "LSTM", "CuDNNGRU": "GRU"}
"""Layers that ran on GPUs alone -> the layers with the same arithmetic; tf_keras' .h5 reader converts their weights."""
PLAIN = {"activation": "tanh", "recurrent_activation": "sigmoid", "use_bias": True}
"""The options that cuDNN had no choice in."""
FUNCTIONS = {"silu": "swish"}
"""Activations that tf_keras knows by another name."""


def repaired(config: Config, biases: Biases) -> Config:
    """A copy of a model's config that tf_keras reads as the Keras of its time did.

    Raises:
        CaptureError: a GRU does not say whether it resets before or after its product, and no bias in the file tells.
    """
    return _repair(config, (), biases)


def _repair(value: Any, owners: tuple[str, ...], biases: Biases) -> Any:
    if isinstance(value, list):
        return [_repair(v, owners, biases) for v in value]
    if not isinstance(value, dict):
        return value
    inner = value.get("config")
    if isinstance(inner, dict) and isinstance(inner.get("name"), str):
        owners = (*owners, inner["name"])
    made = {k: _repair(v, owners, biases) for k, v in value.items()}
    kind = made.get("class_name")
    fix = FIXES.get(kind) if isinstance(kind, str) else None
    return fix(made, owners, biases) if fix else made


def _cudnn(value: Config, owners: tuple[str, ...], biases: Biases) -> Config:
    kind = CUDNN[value["class_name"]]
    options = {**value["config"], **PLAIN, **({"reset_after": True} if kind == "GRU" else {})}
    kept = {k: v for k, v in value.items() if k not in ("module", "registered_name")}
    return {**kept, "class_name": kind, "config": options}


def _gru(value: Config, owners: tuple[str, ...], biases: Biases) -> Config:
    """Keras 2.1.3 brought `reset_after`; a GRU without that option resets before, unless its bias has two rows."""
    options = value["config"]
    if not isinstance(options, dict) or "reset_after" in options:
        return value
    own = [(_named(name, owners), len(shape)) for name, shape in biases.items() if _named(name, owners[-1:])]
    nearest = max((count for count, _ in own), default=0)
    found = {rank for count, rank in own if count == nearest}
    if len(found) > 1:
        raise CaptureError("its biases are of two kinds, with and without reset_after", where="/".join(owners))
    return {**value, "config": {**options, "reset_after": found == {2}}}


def _named(variable: str, owners: tuple[str, ...]) -> int:
    """How many of the owners the path of a variable names: `both/backward_gru/bias:0` names `both` and `gru`."""
    parts = variable.split("/")
    return sum(any(p in (owner, f"forward_{owner}", f"backward_{owner}") for p in parts) for owner in owners)


def _function(value: Config, owners: tuple[str, ...], biases: Biases) -> Any:
    """A function that Keras 2 stored as a built-in of Python, such as `swish`, is an activation by name."""
    name = value.get("config")
    if isinstance(name, str) and value.get("module") in (None, "builtins"):
        return FUNCTIONS.get(name, name)
    return value


FIXES: dict[str, Callable[[Config, tuple[str, ...], Biases], Any]] = {
    "CuDNNLSTM": _cudnn,
    "CuDNNGRU": _cudnn,
    "GRU": _gru,
    "function": _function,
}
