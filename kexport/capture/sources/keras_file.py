"""A .keras file: checked as data first, then loaded by the Keras that wrote it (3, or 2 through tf_keras)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kexport.capture.sources.archive import read_archive
from kexport.capture.sources.config import references
from kexport.capture.sources.custom import Custom, custom_objects, name_objects, named_by_file
from kexport.capture.sources.frameworks import first_lines, fresh_names, import_keras
from kexport.capture.sources.guard import refuse
from kexport.capture.sources.judge3 import keras3_judge
from kexport.capture.sources.keras2 import load_keras2
from kexport.capture.sources.live import live_source
from kexport.capture.sources.newer import readable
from kexport.capture.trace import Source
from kexport.errors import CaptureError


def load_keras_file(path: Path, *, trust: bool, custom: Custom, example: Any) -> Source:
    """The Source of a .keras file.

    Raises:
        CaptureError: the file is damaged, unsafe, or needs classes that are not known; says which.
    """
    archive = read_archive(path)
    if archive.keras_version.startswith("2."):
        return load_keras2(path, archive.config, trust=trust, custom=custom)
    return load_keras3(path, archive.config, archive.keras_version, trust=trust, custom=custom, example=example)


def load_keras3(
    path: Path, config: dict[str, Any], version: str, *, trust: bool, custom: Custom, example: Any
) -> Source:
    """Load a .keras or .h5 file with Keras 3, once what its config names is known to be harmless and complete."""
    keras = import_keras()
    found = references(config)
    objects = custom_objects(custom)
    if trust:
        objects = {**named_by_file(r for r in found if r.name not in objects), **objects}
    objects = name_objects(objects, found)
    note = f"the file was written by Keras {version}, this is Keras {keras.__version__}"
    refuse(found, keras3_judge(keras, objects), str(path), note, trust=trust)
    try:
        with fresh_names(), readable(path, config, version) as place:
            model = keras.models.load_model(place, custom_objects=objects, compile=False, safe_mode=not trust)
    except CaptureError:
        raise
    except Exception as e:
        if version == keras.__version__:
            note += "; what it saves and cannot load is exported from Python: kexport.export(model), or module:function"
        raise CaptureError(f"Keras cannot load it: {first_lines(e)}", where=str(path), hint=note) from e
    return live_source(model, example=example, name=path.stem, path=str(path))
