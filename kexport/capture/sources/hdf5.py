"""A .h5 file with a whole model: checked as data first, then loaded by the Keras that wrote it, or translated."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kexport.capture.sources.archive import BOMB_FLOOR, BOMB_RATIO
from kexport.capture.sources.config import references
from kexport.capture.sources.custom import Custom
from kexport.capture.sources.frameworks import INSTALL
from kexport.capture.sources.keras1 import load_keras1
from kexport.capture.sources.keras2 import load_keras2
from kexport.capture.sources.keras_file import load_keras3
from kexport.capture.trace import Source
from kexport.errors import CaptureError, ConfigError

WEIGHTS_HINT = (
    "build the model in Python, call model.load_weights on this file, and save it whole: model.save('model.keras')"
)


def load_hdf5(path: Path, *, trust: bool, custom: Custom, example: Any) -> Source:
    """The Source of a whole-model .h5 file: Keras 1 and 2 through tf_keras, Keras 3 through Keras.

    Raises:
        CaptureError: the file is damaged, unsafe or weights alone, or needs what is not known.
    """
    config, version, backend = read_hdf5(path)
    major = version.split(".")[0]
    if major in ("", "1"):  # before 1.2 Keras did not say its version
        return load_keras1(path, config, custom=custom)
    if major == "2":
        return load_keras2(path, config, trust=trust, custom=custom, backend=backend)
    if major.isdigit():
        return load_keras3(path, references(config), version, trust=trust, custom=custom, example=example)
    raise CaptureError(f"it was written by Keras {version!r}, which is no version of Keras", where=str(path))


def read_hdf5(path: Path) -> tuple[dict[str, Any], str, str | None]:
    """The config of a whole-model .h5 file as plain data, and the version of Keras that wrote it and its backend."""
    try:
        import h5py
    except ImportError as e:
        raise ConfigError("reading a .h5 file takes h5py, which is not installed", hint=INSTALL) from e
    try:
        with h5py.File(path, "r") as file:
            for problem in _unsafe(file, h5py):
                raise CaptureError(f"{problem}; Keras writes no such thing", where=str(path))
            config = _text(file.attrs.get("model_config"))
            if config is None:
                raise CaptureError("it holds weights alone, no model", where=str(path), hint=WEIGHTS_HINT)
            version = _text(file.attrs.get("keras_version")) or ""
            backend = _text(file.attrs.get("backend"))
    except OSError as e:
        raise CaptureError(f"the file is damaged or no HDF5 file at all: {e}", where=str(path)) from e
    try:
        data = json.loads(config)
    except (ValueError, RecursionError) as e:
        raise CaptureError(f"model_config is no JSON: {e}", where=str(path)) from e
    if not isinstance(data, dict):
        raise CaptureError("model_config holds no model", where=str(path))
    return data, version, backend


def _unsafe(group: Any, h5py: Any) -> Iterator[str]:
    for name in group:
        link = group.get(name, getlink=True)
        where = f"{group.name.rstrip('/')}/{name}"
        if not isinstance(link, h5py.HardLink):
            yield f"{where} is a link to somewhere else"
            continue
        item = group[name]
        if isinstance(item, h5py.Group):
            yield from _unsafe(item, h5py)
        elif isinstance(item, h5py.Dataset):
            if item.external or item.is_virtual:
                yield f"{where} takes its values from another file"
            elif item.nbytes > max(BOMB_FLOOR, BOMB_RATIO * item.id.get_storage_size()):
                yield f"{where} unpacks from {item.id.get_storage_size()} to {item.nbytes} bytes"


def _text(value: Any) -> str | None:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
