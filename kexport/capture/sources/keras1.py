"""Models of Keras 1: their config is translated to Keras 2, which then holds the weights and runs them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kexport.capture.lambdas.layer import keras2_modules
from kexport.capture.reading import Reading
from kexport.capture.sources.config import references
from kexport.capture.sources.custom import custom_objects
from kexport.capture.sources.frameworks import first_lines, import_tf_keras
from kexport.capture.sources.guard import refuse
from kexport.capture.sources.hdf5_check import damaged, text_attribute
from kexport.capture.sources.judge2 import keras2_judge
from kexport.capture.sources.keras1_config import HINT, translate_model
from kexport.capture.sources.keras1_weights import Groups, assign, names_in, read_groups
from kexport.capture.sources.keras2 import keras2_source
from kexport.capture.sources.keras2_limits import limited
from kexport.capture.sources.kernels import check_padding, flips
from kexport.capture.sources.lambdas import replace_lambdas
from kexport.capture.sources.limits import within
from kexport.capture.sources.weighted import refuse_weighted
from kexport.capture.tracing.trace import Source
from kexport.errors import CaptureError, KexportError


def load_keras1(path: Path, config: dict[str, Any], reading: Reading) -> Source:
    """Load a whole-model .h5 file that Keras 1 wrote, on TensorFlow, Theano or MXNet.

    Raises:
        CaptureError: a layer, option or weight has no counterpart, or the config does not make a model.
    """
    with within(str(path)), damaged(str(path), "it is none that Keras 1 writes"):
        model = _load(path, config, reading)
    return keras2_source(model, name=path.stem, path=str(path))


def _load(path: Path, config: dict[str, Any], reading: Reading) -> Any:
    import h5py

    tf_keras = import_tf_keras()
    replaced = replace_lambdas(config, reading.replace, tf_keras.layers.Layer, keras2_modules)
    refuse_weighted(path, replaced.others)
    config = replaced.config
    known = {**custom_objects(reading.custom), **replaced.classes}
    from kexport.capture.sources.keras1_objects import Highway, MaxoutDense

    objects = {"Highway": Highway, "MaxoutDense": MaxoutDense, **known}
    with h5py.File(path, "r") as file:
        group = file.get("model_weights", file)
        names = names_in(group, "layer_names")
        groups = read_groups(group)
        backend = text_attribute(group, "backend", str(path)) or text_attribute(file, "backend", str(path))
    entry = translate_model(config, known, names)
    refuse(references(entry), keras2_judge(objects), str(path), "the file is of Keras 1")
    with limited(path):
        model = _build(tf_keras, entry, objects)
        for name, padding in _output_paddings(model, config).items():
            _find(entry["config"], name)["output_padding"] = padding
            model = _build(tf_keras, entry, objects)
    flipped = flips(backend or _told_by_names(groups, model, path))
    if flipped:
        check_padding(model, str(path))
    assign(model, groups, flipped, str(path))
    return model


def _build(tf_keras: Any, entry: dict[str, Any], objects: dict[str, Any]) -> Any:
    home = tf_keras.Sequential if entry["class_name"] == "Sequential" else tf_keras.Model
    try:
        return home.from_config(entry["config"], custom_objects=objects)
    except KexportError:
        raise
    except Exception as e:
        raise CaptureError(f"its config makes no model of Keras 2: {first_lines(e)}", hint=HINT) from e


def _told_by_names(groups: Groups, model: Any, path: Path) -> str | None:
    """The backend of a file that does not say it: the names of variables end in `:0` in TensorFlow, not in Theano.

    Raises:
        CaptureError: weights without names of their own, in a model with convolutions.
    """
    names = [n for named in groups.values() for n, _ in named]
    if any(n.endswith(":0") for n in names):
        return "tensorflow"
    convolves = any(w.shape.rank > 2 for w in model.weights)
    if convolves and names and all(n.startswith("param_") for n in names):
        raise CaptureError(
            "the file does not say whether it was saved on TensorFlow or on Theano, which flips kernels",
            where=str(path),
            hint="set the attribute `backend` of its group model_weights, with h5py, to 'tensorflow' or 'theano'",
        )
    return "theano"


def _output_paddings(model: Any, config: Any) -> dict[str, list[int]]:
    """What the Deconvolution2D layers have to add to reach the output shape they were given."""
    found = {}
    for name, wanted in _output_shapes(config):
        layer = model.get_layer(name)
        first = layer.data_format == "channels_first"
        sizes, given = ((s[2:] if first else s[1:-1]) for s in (tuple(wanted), layer.input_shape))
        if None in given or tuple(sizes) == (layer.output_shape[2:] if first else layer.output_shape[1:-1]):
            continue
        extra = []
        for size, n, k, s in zip(sizes, given, layer.kernel_size, layer.strides, strict=True):
            reached = (n - 1) * s + k - (2 * (k // 2) if layer.padding == "same" else 0)
            if size is None or not 0 <= size - reached < s:
                raise CaptureError(f"its output_shape {list(wanted)} cannot be reached", where=name)
            extra.append(size - reached)
        found[name] = extra
    return found


def _output_shapes(value: Any) -> list[tuple[str, Any]]:
    """Name and output shape of all Deconvolution2D layers of a config."""
    if isinstance(value, list):
        return [pair for v in value for pair in _output_shapes(v)]
    if not isinstance(value, dict):
        return []
    if value.get("class_name") == "Deconvolution2D":
        return [(value["config"]["name"], value["config"]["output_shape"])]
    return [pair for v in value.values() for pair in _output_shapes(v)]


def _find(config: Any, name: str) -> dict[str, Any]:
    return next(x["config"] for x in config["layers"] if x["config"].get("name") == name)
