"""load: opens a model from any source."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from kexport.capture.reading import Reading
from kexport.capture.sources.example import read_example
from kexport.capture.sources.function import PLACE, user_model
from kexport.capture.sources.live import is_keras2_model, is_keras_model, live_source, model_of_function
from kexport.capture.sources.strangers import stranger
from kexport.capture.tracing.trace import Source
from kexport.errors import ConfigError
from kexport.names import nearest

WHAT_LOADS = (
    "give a .keras file, a whole-model .h5 file, a SavedModel folder, module:function (or file.py:function) that "
    "returns a model, or in Python a Keras model"
)
MODELS = (".keras", ".h5", ".hdf5")
"""The endings of files that hold models; other names are read by how the file begins."""
_ZIP = b"PK"
_HDF5 = b"\x89HDF\r\n\x1a\n"


def load(source: Any, reading: Reading | None = None, **how: Any) -> Source:
    """Load a model: a live Keras model, a .keras or .h5 file, a SavedModel folder, or `module:function`.

    Code in a file is never run unless the user trusts it: its config is read as data first. The options are a Reading,
    or its fields by name.

    Raises:
        CaptureError: the model is damaged, unsafe, incomplete or cannot be loaded.
        ConfigError: there is no such file, module, function or signature.
    """
    reading = reading or Reading(**how)
    reading = dataclasses.replace(reading, example=read_example(reading.example))
    source = model_of_function(source)
    if is_keras_model(source):
        return live_source(source, example=reading.example)
    if is_keras2_model(source):
        return _keras2(source)
    if not isinstance(source, (str, Path)):
        raise ConfigError(f"a {type(source).__name__} is no Keras model", hint=WHAT_LOADS)
    path = Path(source)
    if not path.exists():
        return _from_function(str(source), reading.example)
    if path.name == "saved_model.pb":
        path = path.absolute().parent
    return _folder(path, reading) if path.is_dir() else _file(path, reading)


def _folder(path: Path, reading: Reading) -> Source:
    if not (path / "saved_model.pb").is_file():
        _refuse_stranger(path)
        raise ConfigError("the folder holds no saved_model.pb", where=str(path), hint=WHAT_LOADS)
    from kexport.capture.sources.savedmodel import load_savedmodel

    return load_savedmodel(path, trust=reading.trust, signature=reading.signature)


def _file(path: Path, reading: Reading) -> Source:
    with path.open("rb") as file:
        start = file.read(8)
    if path.suffix.lower() not in MODELS and start != _HDF5:
        _refuse_stranger(path)
    if path.suffix in (".h5", ".hdf5") or start == _HDF5:
        from kexport.capture.sources.hdf5 import load_hdf5

        return load_hdf5(path, reading)
    if path.suffix == ".keras" or start.startswith(_ZIP):
        from kexport.capture.sources.keras_file import load_keras_file

        return load_keras_file(path, reading)
    raise ConfigError("this is no model that kexport reads", where=str(path), hint=WHAT_LOADS)


def _refuse_stranger(path: Path) -> None:
    """Raise ConfigError if a path is recognized as something other than a Keras model."""
    if found := stranger(path):
        command = f"{found.command}; " if found.command else ""
        raise ConfigError(f"this is {found.what}, not a Keras model", where=str(path), hint=command + WHAT_LOADS)


def _from_function(name: str, example: Any) -> Source:
    if not PLACE.fullmatch(name):
        raise ConfigError(f"there is no file or folder {name!r}", hint=_beside(Path(name)) + WHAT_LOADS)
    model = user_model(name)
    return live_source(model, example=example) if is_keras_model(model) else _keras2(model)


def _beside(path: Path) -> str:
    """Return existing files with a name similar to a missing one."""
    if not path.parent.is_dir():
        return ""
    near = nearest(path.name, (p.name for p in path.parent.iterdir() if p.is_dir() or p.suffix.lower() in MODELS))
    return f"did you mean {' or '.join(str(path.with_name(n)) for n in near)}? " if near else ""


def _keras2(model: Any) -> Source:
    from kexport.capture.sources.keras2 import keras2_source

    return keras2_source(model)
