"""Models of Keras 2, read by Keras 2 (tf_keras): Keras 3 loads some of them wrongly without a word."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kexport.capture.sources.config import KERAS_PACKAGES, Reference, references, refuse_code, refuse_unknown
from kexport.capture.sources.custom import Custom, custom_objects, name_objects, named_by_file
from kexport.capture.sources.frameworks import first_lines, import_tf_keras
from kexport.capture.sources.keras2_build import bias_shapes, build_keras2
from kexport.capture.sources.keras2_repair import repaired
from kexport.capture.sources.kernels import convert_kernels
from kexport.capture.sources.run import run_predict
from kexport.capture.sources.structure import flatten, paths, unique
from kexport.capture.trace import Source, Spec
from kexport.errors import CaptureError

HOMES = ("layers", "models", "initializers", "regularizers", "constraints", "activations", "losses", "mixed_precision")
SPECIAL = ("TFOpLambda", "SlicingOpLambda", "ClassMethod", "InstanceMethod", "InstanceProperty", "Functional", "Policy")


def load_keras2(
    path: Path, config: dict[str, Any], *, trust: bool, custom: Custom, backend: str | None = None
) -> Source:
    """Load a .h5 or .keras file that Keras 2 wrote, once what its config names is known to be harmless and complete.

    `backend` is what it was saved on: kernels of Theano are flipped.

    Raises:
        CaptureError: it carries code, needs unknown classes, or does not load.
    """
    tf_keras = import_tf_keras()
    config = repaired(config, bias_shapes(path))
    found = references(config)
    objects = custom_objects(custom)
    if trust:
        objects = {**named_by_file(r for r in found if r.name not in objects), **objects}
    else:
        refuse_code(found, str(path))
    objects = name_objects(objects, found)
    note = f"the file is read by tf_keras {tf_keras.__version__}"
    refuse_unknown(found, lambda r: _knows(tf_keras, r, objects), str(path), note)
    try:
        model = build_keras2(path, config, objects, safe=not trust)
    except CaptureError:
        raise
    except Exception as e:
        text = first_lines(e)
        raise CaptureError(f"Keras 2 cannot load it: {text}", where=str(path), hint=note) from e
    convert_kernels(model, backend, str(path))
    return keras2_source(model, name=path.stem, path=str(path))


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


def _knows(tf_keras: Any, reference: Reference, objects: dict[str, Any]) -> bool:
    registered = {**tf_keras.saving.get_custom_objects(), **objects}
    if reference.name in registered or reference.registered in registered or reference.name in SPECIAL:
        return True
    if reference.module is not None and reference.module != "builtins":
        return reference.module.split(".")[0] in KERAS_PACKAGES
    from tf_keras.src.layers import serialization

    serialization.populate_deserializable_objects()
    if reference.name in serialization.LOCAL.ALL_OBJECTS:
        return True
    return any(hasattr(getattr(tf_keras, home), reference.name) for home in HOMES)
