"""A model of tf_keras made of a config that was read and checked as data, and its weights from the file beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kexport.capture.sources.archive import is_archive
from kexport.capture.sources.keras2_weights import load_weights
from kexport.errors import CaptureError

Config = dict[str, Any]


def build_keras2(path: Path, config: Config, objects: Mapping[str, Any], *, safe: bool) -> Any:
    """The model of a `.keras` or `.h5` file, of the config that was found in it.

    Args:
        path: the file.
        config: its config as data.
        objects: classes and functions by the names that the config has for them.
        safe: whether Keras has to refuse Python bytecode.

    Raises:
        CaptureError: weights and layers do not fit, or the config makes no model.
    """
    return (_from_archive if is_archive(path) else _from_hdf5)(path, config, objects, safe)


def _from_archive(path: Path, config: Config, objects: Mapping[str, Any], safe: bool) -> Any:
    from tf_keras.src.saving import serialization_lib as library

    with library.ObjectSharingScope():
        model = library.deserialize_keras_object(config, dict(objects), safe_mode=safe)
    _require_model(model)
    load_weights(model, path)
    return model


def _from_hdf5(path: Path, config: Config, objects: Mapping[str, Any], safe: bool) -> Any:
    from tf_keras.src.saving import serialization_lib as library
    from tf_keras.src.saving.legacy.model_config import model_from_config
    from tf_keras.src.saving.legacy.saved_model import json_utils

    config = json_utils.decode(json.dumps(config))  # tuples, slices with "...", types
    with library.SafeModeScope(safe):
        model = model_from_config(config, custom_objects=dict(objects))
    _require_model(model)
    assign_weights(model, path)
    return model


def assign_weights(model: Any, path: Path) -> None:
    """Give a model the weights of a `.h5` file, which may hold nothing else."""
    import h5py
    from tf_keras.src.saving.legacy import hdf5_format

    with h5py.File(path, "r") as file:
        weights: Any = file.get("model_weights", file)
        if "layer_names" in weights.attrs or "layer_names0" in weights.attrs:
            hdf5_format.load_weights_from_hdf5_group(weights, model)
            return
    load_weights(model, path)


def _require_model(model: Any) -> None:
    import tf_keras

    if not isinstance(model, tf_keras.Model):
        raise CaptureError(f"its config makes a {type(model).__name__}, no model")


def bias_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """The shape of each bias in a `.h5` file by the path of its variable; empty for a `.keras` file."""
    import h5py

    found: dict[str, tuple[int, ...]] = {}

    def keep(name: str, item: Any) -> None:
        if hasattr(item, "dtype") and "bias" in name.rpartition("/")[2]:
            found[name] = tuple(item.shape)

    if not is_archive(path):
        with h5py.File(path, "r") as file:
            weights: Any = file.get("model_weights", file)
            weights.visititems(keep)
    return found
