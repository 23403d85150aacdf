"""A TensorFlow SavedModel folder: one of its signatures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kexport.capture.sources.assigning import refuse_training
from kexport.capture.sources.config import TRUST_HINT
from kexport.capture.sources.frameworks import import_tensorflow
from kexport.capture.sources.run import arrays_of
from kexport.capture.sources.saved_check import LINKS_HINT, outside_links, problems, too_large
from kexport.capture.sources.savedmodel_files import GRAPH, arranged, require_variables
from kexport.capture.tracing.trace import Array, Source, Spec
from kexport.errors import CaptureError, ConfigError
from kexport.names import suggest

DEFAULT = "serving_default"


def load_savedmodel(path: Path, *, trust: bool, signature: str | None) -> Source:
    """The Source of a SavedModel's signature: `serving_default`, the only one, or the one asked for.

    Raises:
        CaptureError: the folder is damaged, would do more than compute, or has inputs of unknown rank.
        ConfigError: there is no such signature.
    """
    tf = import_tensorflow()
    with arranged(path) as folder:
        _check_graph(folder, trust, path)
        try:
            loaded = tf.saved_model.load(str(folder))
        except Exception as e:
            text = (str(e).strip().splitlines() or [""])[0][:500]
            raise CaptureError(f"TensorFlow cannot load it: {type(e).__name__}: {text}", where=str(path)) from e
    function = _choose(dict(loaded.signatures), signature, path)
    refuse_training(function, str(path))
    function._kexport_owner = loaded
    specs = _inputs(function, path)
    names = sorted(function.structured_outputs, key=_natural)

    def call(tensors: Sequence[Any]) -> Any:
        result = function(**{s.name: tf.cast(t, s.dtype) for s, t in zip(specs, tensors, strict=True)})
        return [result[n] for n in names]

    def run(arrays: Sequence[Array]) -> list[Array]:
        return arrays_of(call([tf.convert_to_tensor(a) for a in arrays]))

    structure = {s.name: i for i, s in enumerate(specs)}
    return Source(function, "savedmodel", path.name, specs, structure, call, run, names, str(path))


def _check_graph(folder: Path, trust: bool, path: Path) -> None:
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    proto = SavedModel()
    try:
        proto.ParseFromString((folder / GRAPH).read_bytes())
    except Exception as e:
        raise CaptureError(f"saved_model.pb cannot be read: {e}", where=str(path)) from e
    if not proto.meta_graphs:
        raise CaptureError(
            "saved_model.pb is empty", where=str(path), hint="export the model again: model.export(folder)"
        )
    if claim := too_large(proto):
        raise CaptureError(claim, where=str(path))
    require_variables(proto, folder, path)
    if not trust:
        _refuse_harm(proto, folder, path)


def _refuse_harm(model: Any, folder: Path, path: Path) -> None:
    """Raise if the file would do more than compute."""
    if link := outside_links(folder):
        raise CaptureError(f"{link!r} is a link that leads out of the folder", where=str(path), hint=LINKS_HINT)
    try:
        found = list(problems(model, folder))
    except CaptureError as e:
        e.hint = TRUST_HINT
        raise e.located(str(path)) from None
    except RecursionError:
        raise CaptureError("its functions call each other too deep", where=str(path), hint=TRUST_HINT) from None
    if found:
        raise CaptureError("; ".join(dict.fromkeys(found)), where=str(path), hint=TRUST_HINT)


def _choose(signatures: dict[str, Any], wanted: str | None, path: Path) -> Any:
    if wanted is not None and wanted not in signatures:
        hint = suggest(wanted, sorted(signatures), "it has")
        raise ConfigError(f"there is no signature {wanted!r}", where=str(path), hint=hint)
    if wanted is None and DEFAULT not in signatures and len(signatures) != 1:
        hint = f"choose one with --signature; {suggest(DEFAULT, sorted(signatures), 'it has')}"
        raise ConfigError(f"there is no signature {DEFAULT!r}", where=str(path), hint=hint)
    return signatures[wanted or (DEFAULT if DEFAULT in signatures else next(iter(signatures)))]


def _inputs(function: Any, path: Path) -> list[Spec]:
    _, by_name = function.structured_input_signature
    order = [n for n in getattr(function, "_arg_keywords", ()) if n in by_name]
    specs = []
    for name in [*order, *sorted(set(by_name) - set(order), key=_natural)]:
        spec = by_name[name]
        if spec.shape.rank is None:
            raise CaptureError(
                f"input {name!r} has a shape of unknown rank",
                where=str(path),
                hint="export it again with an input signature",
            )
        specs.append(Spec(name, spec.dtype.name, tuple(spec.shape)))
    return specs


def _natural(name: str) -> tuple[Any, ...]:
    return tuple((0, int(p)) if p.isdigit() else (1, p) for p in re.split(r"(\d+)", name))
