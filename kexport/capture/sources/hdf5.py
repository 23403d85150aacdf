"""A .h5 file with a whole model: checked as data first, then loaded by the Keras that wrote it, or translated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kexport.capture.reading import Reading
from kexport.capture.sources.frameworks import INSTALL
from kexport.capture.sources.hdf5_check import damaged, text_attribute
from kexport.capture.sources.hdf5_probe import probe
from kexport.capture.sources.keras1 import load_keras1
from kexport.capture.sources.keras2 import load_keras2
from kexport.capture.sources.keras_file import load_keras3
from kexport.capture.sources.limits import parse_json
from kexport.capture.sources.weights_alone import load_weights_alone
from kexport.capture.tracing.trace import Source
from kexport.errors import CaptureError, ConfigError


def load_hdf5(path: Path, reading: Reading) -> Source:
    """The Source of a whole-model .h5 file: Keras 1 and 2 through tf_keras, Keras 3 through Keras.

    Raises:
        CaptureError: the file is damaged, unsafe or weights alone, or needs what is not known.
    """
    config, version, backend = read_hdf5(path)
    if config is None or reading.architecture is not None:
        return load_weights_alone(path, reading)
    major = version.split(".")[0]
    if major in ("", "1"):  # before 1.2 Keras did not say its version
        return load_keras1(path, config, reading)
    if major == "2":
        return load_keras2(path, config, reading, backend=backend)
    if major.isdigit():
        return load_keras3(path, config, version, reading)
    raise CaptureError(f"it was written by Keras {version!r}, which is no version of Keras", where=str(path))


def read_hdf5(path: Path) -> tuple[dict[str, Any] | None, str, str | None]:
    """The config of a .h5 file as plain data, None for weights alone; the version of Keras that wrote it, its backend.

    Raises:
        CaptureError: the file is damaged or unsafe.
    """
    try:
        import h5py
    except ImportError as e:
        raise ConfigError("reading a .h5 file takes h5py, which is not installed", hint=INSTALL) from e
    where = str(path)
    probe(path)
    with damaged(where), h5py.File(path, "r") as file:
        config = text_attribute(file, "model_config", where)
        version = text_attribute(file, "keras_version", where) or ""
        backend = text_attribute(file, "backend", where)
    if config is None:
        return None, version, backend
    data = parse_json(config, "model_config", where)
    if not isinstance(data, dict):
        raise CaptureError("model_config holds no model", where=where)
    return data, version, backend
