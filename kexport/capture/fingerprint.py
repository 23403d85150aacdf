"""Identifies a model by a hash of what it computes, not of the file that holds it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from kexport.capture.tracing.trace import Source
from kexport.capture.weights import weights_of

CHUNK = 1 << 24
NOT_COMPUTED = ("compile_config", "build_config")


def fingerprint(source: Source) -> str:
    """The sha256 of a model in hex: its config and its weights, in order. Of a SavedModel: its files."""
    if source.kind == "savedmodel":
        digest = hashlib.sha256()
        _add_folder(digest, Path(str(source.path)))
        return digest.hexdigest()
    config = json.loads(source.model.to_json()) if source.kind == "keras2" else keras_config(source.model)
    return fingerprint_of(config, weights_of(source.model))


def fingerprint_of(config: Any, weights: Iterable[tuple[str, np.ndarray[Any, Any]]]) -> str:
    """The fingerprint of a Keras model, given its config and the path and value of each weight."""
    digest = hashlib.sha256(json.dumps(config, sort_keys=True, default=_type_name).encode())
    for path, array in weights:
        digest.update(f"\n{path.rpartition('/')[2]} {array.dtype} {array.shape}\n".encode())
        data = _bytes_of(array)
        for start in range(0, data.size, CHUNK):
            digest.update(data[start : start + CHUNK].data)
    return digest.hexdigest()


def _bytes_of(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The elements as bytes; texts with their lengths."""
    if array.dtype != object:
        return array.reshape(-1).view("u1")
    texts = [str(t).encode() for t in array.reshape(-1)]
    return np.frombuffer(b"".join(b"%d:%b" % (len(t), t) for t in texts), "u1")


def keras_config(model: Any) -> Any:
    """A Keras 3 model's config, the same on every backend and in every process."""
    import keras

    try:
        config = keras.saving.serialize_keras_object(model)
    except (NotImplementedError, TypeError, OSError):  # Keras raises OSError for functions whose source cannot be read
        config = {"class_name": type(model).__name__}
    return _stable(config, {})


def _stable(value: Any, shared: dict[Any, int]) -> Any:
    """Drop what differs between runs from a config: Keras uses memory addresses as ids of shared objects."""
    if isinstance(value, dict):
        kept = {k: v for k, v in value.items() if k not in NOT_COMPUTED}
        if "shared_object_id" in kept:
            kept["shared_object_id"] = shared.setdefault(kept["shared_object_id"], len(shared))
        return {k: _stable(v, shared) for k, v in kept.items()}
    return [_stable(v, shared) for v in value] if isinstance(value, (list, tuple)) else value


def _type_name(value: Any) -> str:
    return type(value).__name__


def _add_folder(digest: Any, folder: Path) -> None:
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "fingerprint.pb"):
        digest.update(f"\n{path.relative_to(folder).as_posix()} {path.stat().st_size}\n".encode())
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
