"""Models of Keras 2, read by Keras 2 (tf_keras): Keras 3 loads some of them wrongly without a word."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kexport.capture.lambdas.layer import keras2_modules
from kexport.capture.reading import Reading
from kexport.capture.sources.config import KERAS_PACKAGES, references
from kexport.capture.sources.custom import custom_objects, name_objects, named_by_file
from kexport.capture.sources.frameworks import first_lines, import_tf_keras
from kexport.capture.sources.guard import refuse
from kexport.capture.sources.hdf5_check import damaged
from kexport.capture.sources.judge2 import keras2_judge
from kexport.capture.sources.keras2_build import bias_shapes, build_keras2
from kexport.capture.sources.keras2_config import settled, without_training
from kexport.capture.sources.keras2_limits import limited
from kexport.capture.sources.keras2_repair import repaired
from kexport.capture.sources.kernels import convert_kernels
from kexport.capture.sources.lambdas import replace_lambdas
from kexport.capture.sources.limits import within
from kexport.capture.sources.nodes import check_calls
from kexport.capture.sources.run import run_predict
from kexport.capture.sources.structure import flatten, paths, unique
from kexport.capture.sources.weighted import refuse_weighted
from kexport.capture.tracing.trace import Source, Spec
from kexport.errors import CaptureError, KexportError


def load_keras2(path: Path, config: dict[str, Any], reading: Reading, *, backend: str | None = None) -> Source:
    """Load a .h5 or .keras file that Keras 2 wrote, once what its config names is known to be harmless and complete.

    `backend` is what it was saved on: kernels of Theano are flipped.

    Raises:
        CaptureError: it carries code, needs unknown classes, or does not load.
    """
    with within(str(path)):
        model = _load(path, config, reading)
        convert_kernels(model, backend, str(path))
    return keras2_source(model, name=path.stem, path=str(path))


def _load(path: Path, config: dict[str, Any], reading: Reading) -> Any:
    tf_keras = import_tf_keras()
    where = str(path)
    note = f"the file is read by tf_keras {tf_keras.__version__}"
    with damaged(where, "its config is none that Keras 2 writes"):
        config = without_training(repaired(config, bias_shapes(path)))
        replaced = replace_lambdas(config, reading.replace, tf_keras.layers.Layer, keras2_modules)
        refuse_weighted(path, replaced.others)
        config = replaced.config
        found = references(replaced.config)
    objects = {**custom_objects(reading.custom), **replaced.classes}
    if reading.trust:
        objects = {**named_by_file(r for r in found if r.name not in objects), **objects}
    objects = name_objects(objects, found)
    known = {*objects, *_registered_by_user(tf_keras)}
    refuse(found, keras2_judge(known), where, note, trust=reading.trust, why=replaced.left, keras="tf_keras")
    check_calls(config, hint=note)
    try:
        with limited(path):
            config = config if reading.trust else settled(config, known)
            return build_keras2(path, config, objects, safe=not reading.trust)
    except KexportError:
        raise
    except Exception as e:
        raise CaptureError(f"Keras 2 cannot load it: {first_lines(e)}", where=where, hint=note) from e


def _registered_by_user(tf_keras: Any) -> set[str]:
    """The names that modules of the user registered with Keras 2, which registers some of its own."""
    found = tf_keras.saving.get_custom_objects().items()
    theirs = (*KERAS_PACKAGES, "tensorflow")
    return {name for name, o in found if str(getattr(o, "__module__", "")).split(".")[0] not in theirs}


def keras2_source(model: Any, *, name: str | None = None, path: str | None = None) -> Source:
    """The Source of a functional or sequential tf_keras model.

    Raises:
        CaptureError: a subclassed or unbuilt model.
    """
    nest = getattr(model, "_nested_inputs", None)
    if nest is None:
        raise CaptureError(
            "this Keras 2 model is subclassed or not built",
            where=model.name,
            hint="export it as a SavedModel (model.export) and give kexport that folder",
        )
    tensors, structure = flatten(nest)
    names = [
        w[0] if isinstance(nest, dict) and len(w) == 1 else t.node.layer.name
        for w, t in zip(paths(structure), tensors, strict=True)
    ]
    specs = [Spec(n, t.dtype.name, tuple(t.shape)) for n, t in zip(unique(map(str, names)), tensors, strict=True)]

    def pack(leaves: Sequence[Any]) -> Any:
        return tf_pack(nest, leaves)

    def call(leaves: Sequence[Any]) -> Any:
        return model(pack(leaves), training=False)

    run = run_predict(model, pack)
    return Source(model, "keras2", name or model.name, specs, structure, call, run, _output_names(model), path)


def tf_pack(nest: Any, leaves: Sequence[Any]) -> Any:
    """The leaves in the nest that the model was made with."""
    import tensorflow as tf

    return tf.nest.pack_sequence_as(nest, list(leaves))


def _output_names(model: Any) -> list[str]:
    _, structure = flatten(model._nested_outputs)
    pairs = zip(paths(structure), model.output_names, strict=True)
    return unique("_".join(map(str, w)) if any(isinstance(p, str) for p in w) else n for w, n in pairs)
