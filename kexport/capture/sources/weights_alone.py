"""Weights that were saved without their model: the user says where the model is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kexport.capture.reading import Reading
from kexport.capture.sources.frameworks import first_lines
from kexport.capture.sources.function import PLACE, user_model
from kexport.capture.sources.hdf5_check import text_attribute
from kexport.capture.sources.keras1 import load_keras1
from kexport.capture.sources.keras2 import keras2_source, load_keras2
from kexport.capture.sources.keras2_build import assign_weights
from kexport.capture.sources.keras_file import load_keras3
from kexport.capture.sources.kernels import convert_kernels
from kexport.capture.sources.limits import MAX_JSON, parse_json
from kexport.capture.sources.live import is_keras2_model, live_source
from kexport.capture.tracing.trace import Source
from kexport.errors import CaptureError, ConfigError, KexportError

HINT = (
    "--model module:function (in Python: architecture='module:function') builds the model that they are of, or --model "
    "architecture.json describes it, as model.to_json() writes it"
)


def load_weights_alone(path: Path, reading: Reading) -> Source:
    """The Source of a model that a function returns, or a JSON file describes, with the weights of an `.h5` file.

    Raises:
        CaptureError: the weights do not fit the model, or its description is damaged.
        ConfigError: there is no such model.
    """
    place = reading.architecture
    if place is None:
        raise CaptureError("it holds weights alone, no model", where=str(path), hint=HINT)
    if Path(place).is_file():
        return _described(path, Path(place), reading)
    if not PLACE.fullmatch(place.strip()):
        raise ConfigError(f"there is no file {place!r}, and it is no module:function", where="--model", hint=HINT)
    model = user_model(place)
    try:
        return _of_model(model, path, reading)
    except KexportError:
        raise
    except Exception as e:
        what = f"the weights do not fit the model of {place}: {first_lines(e)}"
        raise CaptureError(what, where=str(path), hint="they have to be of the very same layers, in their order") from e


def _of_model(model: Any, path: Path, reading: Reading) -> Source:
    if not is_keras2_model(model):
        model.load_weights(path)
        return live_source(model, example=reading.example, name=_stem(path), path=str(path))
    assign_weights(model, path)
    convert_kernels(model, _backend(path), str(path))
    return keras2_source(model, name=_stem(path), path=str(path))


def _described(path: Path, description: Path, reading: Reading) -> Source:
    """The model of `model.to_json()`, by the Keras that wrote it."""
    if description.stat().st_size > MAX_JSON:
        raise CaptureError(f"it has more than {MAX_JSON} bytes", where=str(description))
    config = parse_json(description.read_bytes(), "the description", str(description))
    if not isinstance(config, dict) or not isinstance(config.get("class_name"), str):
        raise CaptureError("it describes no model", where=str(description), hint=HINT)
    version = str(config.get("keras_version") or ("3" if "registered_name" in config else "1"))
    if version.startswith("1"):
        return load_keras1(path, config, reading)
    if version.startswith("2"):
        return load_keras2(path, config, reading, backend=config.get("backend"))
    return load_keras3(path, config, version, reading, alone=True)


def _backend(path: Path) -> str | None:
    import h5py

    with h5py.File(path, "r") as file:
        return text_attribute(file, "backend", str(path))


def _stem(path: Path) -> str:
    return path.name.removesuffix(path.suffix).removesuffix(".weights")
