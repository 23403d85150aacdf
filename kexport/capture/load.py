"""load: a model from wherever it is, as a Source."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from kexport.capture.sources.custom import Custom, import_user_module
from kexport.capture.sources.frameworks import fresh_names, import_keras
from kexport.capture.sources.live import is_keras2_model, is_keras_model, live_source, model_of_function
from kexport.capture.sources.strangers import stranger
from kexport.capture.trace import Source
from kexport.errors import CaptureError, ConfigError
from kexport.names import nearest, suggest

WHAT_LOADS = (
    "give a .keras file, a whole-model .h5 file, a SavedModel folder, module:function (or file.py:function) that "
    "returns a model, or in Python a Keras model"
)
MODELS = (".keras", ".h5", ".hdf5")
"""The endings of files that hold models; other names are read by how the file begins."""
_ZIP, _HDF5 = b"PK", b"\x89HDF\r\n\x1a\n"


def load(
    source: Any, *, trust: bool = False, custom: Custom = (), signature: str | None = None, example: Any = None
) -> Source:
    """Load a model: a live Keras model, a .keras or .h5 file, a SavedModel folder, or `module:function`.

    Nothing that a file carries is run unless `trust` is true: its config is read as data first. `custom` are the user's
    own modules (names, paths or objects) that define what a file refers to. `signature` picks a SavedModel's signature.
    `example` is a batch (arrays or specs) for a subclassed model whose inputs are not known otherwise.

    Raises:
        CaptureError: the model is damaged, unsafe, incomplete or cannot be loaded.
        ConfigError: there is no such file, module, function or signature.
    """
    source = model_of_function(source)
    if is_keras_model(source):
        return live_source(source, example=example)
    if is_keras2_model(source):
        return _keras2(source)
    if not isinstance(source, (str, Path)):
        raise ConfigError(f"a {type(source).__name__} is no Keras model", hint=WHAT_LOADS)
    path = Path(source)
    if not path.exists():
        return _from_function(str(source), example)
    if path.is_dir():
        return _folder(path, trust, signature)
    return _file(path, trust, custom, example)


def _folder(path: Path, trust: bool, signature: str | None) -> Source:
    if not (path / "saved_model.pb").is_file():
        _refuse_stranger(path)
        raise ConfigError("the folder holds no saved_model.pb", where=str(path), hint=WHAT_LOADS)
    from kexport.capture.sources.savedmodel import load_savedmodel

    return load_savedmodel(path, trust=trust, signature=signature)


def _file(path: Path, trust: bool, custom: Custom, example: Any) -> Source:
    with path.open("rb") as file:
        start = file.read(8)
    if path.suffix.lower() not in MODELS and start != _HDF5:
        _refuse_stranger(path)
    if path.suffix in (".h5", ".hdf5") or start == _HDF5:
        from kexport.capture.sources.hdf5 import load_hdf5

        return load_hdf5(path, trust=trust, custom=custom, example=example)
    if path.suffix == ".keras" or start.startswith(_ZIP):
        from kexport.capture.sources.keras_file import load_keras_file

        return load_keras_file(path, trust=trust, custom=custom, example=example)
    raise ConfigError("this is no model that kexport reads", where=str(path), hint=WHAT_LOADS)


def _refuse_stranger(path: Path) -> None:
    """Raise ConfigError if it is known what a path holds instead of a Keras model."""
    if found := stranger(path):
        command = f"{found.command}; " if found.command else ""
        raise ConfigError(f"this is {found.what}, not a Keras model", where=str(path), hint=command + WHAT_LOADS)


def _from_function(name: str, example: Any) -> Source:
    match = re.fullmatch(r"([\w./\\-]+):(\w+)", name)
    if not match:
        raise ConfigError(f"there is no file or folder {name!r}", hint=_beside(Path(name)) + WHAT_LOADS)
    import_keras()  # the user's module imports Keras: have that happen on the right backend
    module = import_user_module(match[1])
    function = getattr(module, match[2], None)
    if not callable(function):
        public = [n for n, v in vars(module).items() if callable(v) and not n.startswith("_")]
        hint = suggest(match[2], public, "it has")
        raise ConfigError(f"{match[1]} has no function {match[2]!r}", hint=hint)
    try:
        with fresh_names():
            model = model_of_function(function())
    except Exception as e:
        raise CaptureError(f"{name} raised {type(e).__name__}: {e}", where=name) from e
    if is_keras_model(model):
        return live_source(model, example=example)
    if is_keras2_model(model):
        return _keras2(model)
    raise CaptureError(f"it returned a {type(model).__name__}, no Keras model", where=name)


def _beside(path: Path) -> str:
    """The files that have nearly the name of one that is not there."""
    if not path.parent.is_dir():
        return ""
    near = nearest(path.name, (p.name for p in path.parent.iterdir()))
    return f"did you mean {' or '.join(str(path.with_name(n)) for n in near)}? " if near else ""


def _keras2(model: Any) -> Source:
    from kexport.capture.sources.keras2 import keras2_source

    return keras2_source(model)
