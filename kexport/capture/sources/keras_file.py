"""A .keras file: checked as data first, then loaded by the Keras that wrote it (3, or 2 through tf_keras)."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

from kexport.capture.lambdas.layer import keras3_modules
from kexport.capture.reading import Reading
from kexport.capture.sources.archive import read_archive
from kexport.capture.sources.config import references
from kexport.capture.sources.custom import custom_objects, name_objects, named_by_file
from kexport.capture.sources.frameworks import first_lines, fresh_names, import_keras
from kexport.capture.sources.guard import refuse
from kexport.capture.sources.judge3 import keras3_judge
from kexport.capture.sources.keras2 import load_keras2
from kexport.capture.sources.keras3_limits import limited
from kexport.capture.sources.lambdas import Replaced, replace_lambdas, with_config
from kexport.capture.sources.limits import within
from kexport.capture.sources.live import live_source
from kexport.capture.sources.newer import for_this_keras
from kexport.capture.sources.weighted import refuse_weighted
from kexport.capture.tracing.trace import Source
from kexport.errors import CaptureError


def load_keras_file(path: Path, reading: Reading) -> Source:
    """The Source of a .keras file.

    Raises:
        CaptureError: the file is damaged, unsafe, or needs classes that are not known; says which.
    """
    archive = read_archive(path)
    if archive.keras_version.startswith("2."):
        return load_keras2(path, archive.config, reading)
    return load_keras3(path, archive.config, archive.keras_version, reading)


def load_keras3(path: Path, config: dict[str, Any], version: str, reading: Reading, *, alone: bool = False) -> Source:
    """Load a .keras or .h5 file with Keras 3, once what its config names is known to be harmless and complete.

    With `alone` the file holds weights, and the config is from elsewhere.
    """
    keras = import_keras()
    present = for_this_keras(config, version, path)
    replaced = replace_lambdas(present, reading.replace, keras.layers.Layer, keras3_modules)
    refuse_weighted(path, replaced.others)
    found = references(replaced.config)
    objects = {**custom_objects(reading.custom), **replaced.classes}
    if reading.trust:
        objects = {**named_by_file(r for r in found if r.name not in objects), **objects}
    objects = name_objects(objects, found)
    note = f"the file was written by Keras {version}, this is Keras {keras.__version__}"
    refuse(found, keras3_judge(keras, objects), str(path), note, trust=reading.trust, why=replaced.left)
    how = {"custom_objects": objects, "safe_mode": not reading.trust}
    try:
        with within(str(path)), fresh_names(), limited(keras, path):
            model = _made(keras, path, replaced, present is not config, how, alone)
    except CaptureError:
        raise
    except Exception as e:
        if version == keras.__version__:
            note += "; what it saves and cannot load is exported from Python: kexport.export(model), or module:function"
        raise CaptureError(f"Keras cannot load it: {first_lines(e)}", where=str(path), hint=note) from e
    return live_source(model, example=reading.example, name=path.stem, path=str(path))


def _made(keras: Any, path: Path, replaced: Replaced, translated: bool, how: dict[str, Any], alone: bool) -> Any:
    """The model of the config as it was read, with the weights of the file."""
    if alone:
        model = keras.saving.deserialize_keras_object(replaced.config, **how)
        model.load_weights(path)
        return model
    with with_config(path, replaced.config) if replaced.classes or translated else nullcontext(path) as file:
        return keras.models.load_model(file, compile=False, **how)
