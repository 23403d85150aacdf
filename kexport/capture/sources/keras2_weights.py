"""Weights of a Keras 2 `.keras` file, in every layout in which its versions wrote them.

Keras walked the attributes of a model and named each layer by the way to it: `layers/dense_1/vars/0`. Which attributes
it visited, in which order, and how it numbered layers of one class, changed between 2.12 and 2.15, and on Windows the
separator was a backslash. A file does not say its layout: the one that accounts for every variable is right.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from kexport.capture.sources.archive import is_archive
from kexport.errors import CaptureError
from kexport.ir.op import Array
from kexport.temporary import temporary_folder

WEIGHTS = "model.weights.h5"
ASSETS = "assets"
DEPENDENCIES = "_layer_checkpoint_dependencies"
"""The attribute by which Keras 2.13 and 2.14 reached the layers of a model; layers with weights stand in it twice."""
TRAINING = ("optimizer", "metrics", "loss", "compiled_loss", "compiled_metrics", "loss_tracker", "_metrics")
"""Attributes of a model, or of a model in it, that only training needs."""
Stored = Mapping[str, Mapping[int, Array]]
"""The arrays of each layer by its path in the file."""


@dataclass(frozen=True)
class Layout:
    """How a version of Keras walked a model."""

    dependencies: bool
    """Whether `_layer_checkpoint_dependencies` was visited."""
    backwards: bool
    """Whether attributes were visited from Z to A."""
    counts_visited: bool
    """Whether a layer that was saved already takes a number among those of its class."""


LAYOUTS = tuple(
    Layout(d, b, c) for d, b, c in sorted(product((False, True), repeat=3), key=lambda x: (x[0], not x[1], x[2]))
)
"""Today's first."""


def load_weights(model: Any, path: Path) -> None:
    """Give a model of tf_keras, made of a file's config, the variables and vocabularies of the file.

    Raises:
        CaptureError: no known layout accounts for every variable of the model; names a layer.
    """
    with _opened(path) as (archive, data):
        stored = read_stored(data, path)
        found = [(layout, list(_walk(model, "", layout, set()))) for layout in LAYOUTS]
        assets = _assets(archive)
        homes = {str(PurePosixPath(name).parent) for name in assets}
        faults = [(_faults(places, stored, homes), i) for i, (_, places) in enumerate(found)]
        fewest, best = min((len(f), i) for f, i in faults)
        if fewest:
            where, problem = faults[best][0][0]
            raise CaptureError(
                problem, where=f"{path}: {where}", hint="save the model again with model.save('model.h5')"
            )
        with _unpacked(assets) as folder:
            for place, layer in found[best][1]:
                layer.load_own_variables({str(i): a for i, a in stored.get(place, {}).items()})
                if hasattr(layer, "load_assets") and (folder / place).is_dir():
                    layer.load_assets(str(folder / place))


@contextmanager
def _opened(path: Path) -> Iterator[tuple[zipfile.ZipFile | None, Any]]:
    """The archive of a `.keras` file with the bytes of its weights; none, with the file itself, for weights alone."""
    if not is_archive(path):
        yield None, path
        return
    with zipfile.ZipFile(path) as archive:
        yield archive, io.BytesIO(archive.read(WEIGHTS))


def read_stored(data: Any, path: Path) -> dict[str, dict[int, Array]]:
    """The arrays in a file's weights, without those of its optimizer and metrics."""
    import h5py

    try:
        with h5py.File(data, "r") as file:
            found: dict[str, dict[int, Array]] = {}
            file.visititems(lambda name, item: _keep(found, name.replace("\\", "/"), item))
            return found
    except (OSError, KeyError, RuntimeError, ValueError) as e:
        raise CaptureError(f"{WEIGHTS} cannot be read: {e}", where=str(path)) from e


def _keep(found: dict[str, dict[int, Array]], name: str, item: Any) -> None:
    place, _, index = name.rpartition("/")
    if not index.isdecimal() or place.rpartition("/")[2] != "vars" or not hasattr(item, "dtype"):
        return
    place = place.removesuffix("vars").rstrip("/")
    if not set(place.split("/")) & set(TRAINING):
        found.setdefault(place, {})[int(index)] = np.asarray(item)


def _walk(layer: Any, place: str, layout: Layout, visited: set[int]) -> Iterator[tuple[str, Any]]:
    """Every layer of a model once, with the path that a layout has for it."""
    if id(layer) in visited:
        return
    visited.add(id(layer))
    yield place, layer
    for name, child in _attributes(layer, layout):
        inside = f"{place}/{name}" if place else name
        if _is_layer(child):
            yield from _walk(child, inside, layout, visited)
        elif isinstance(child, (list, dict, tuple, set)):
            yield from _walk_container(child, inside, layout, visited)


def _walk_container(children: Any, place: str, layout: Layout, visited: set[int]) -> Iterator[tuple[str, Any]]:
    from tf_keras.src.utils import generic_utils

    used: dict[str, int] = {}
    for child in children.values() if isinstance(children, dict) else children:
        if not _is_layer(child) or (id(child) in visited and not layout.counts_visited):
            continue
        name = generic_utils.to_snake_case(type(child).__name__)
        number = used[name] = used.get(name, -1) + 1
        yield from _walk(child, f"{place}/{name}_{number}" if number else f"{place}/{name}", layout, visited)


def _attributes(layer: Any, layout: Layout) -> Iterator[tuple[str, Any]]:
    from tf_keras.src.saving.saving_lib import ATTR_SKIPLIST

    skipped = set(ATTR_SKIPLIST) - ({DEPENDENCIES} if layout.dependencies else set())
    for name in sorted(dir(layer), reverse=layout.backwards):
        if name.startswith("__") or name in skipped:
            continue
        try:
            yield name, getattr(layer, name)
        except Exception:  # noqa: BLE001  a property that does not apply to this layer
            continue


def _is_layer(value: Any) -> bool:
    from tf_keras.src.engine.base_layer import Layer
    from tf_keras.src.metrics.base_metric import Metric

    return isinstance(value, Layer) and not isinstance(value, Metric)


def _faults(places: list[tuple[str, Any]], stored: Stored, assets: set[str]) -> list[tuple[str, str]]:
    """Where a layout and a file do not fit, layer by layer, with the reason."""
    faults: list[tuple[str, str]] = []
    left = {place for place, arrays in stored.items() if arrays} | assets
    for place, layer in places:
        have = [a.shape for _, a in sorted(stored.get(place, {}).items())]
        left.discard(place)
        want = _own_shapes(layer)
        if want is not None and want != have:
            faults.append((layer.name, f"its weights have the shapes {want}, the file has {have}"))
    return faults + [(place, "the file has weights of it, and the model has no such layer") for place in sorted(left)]


def _own_shapes(layer: Any) -> list[tuple[int, ...]] | None:
    """The shapes of the variables that a layer itself saves; None for layers that keep them in a way of their own."""
    from tf_keras.src.engine.base_layer import Layer

    if type(layer).save_own_variables is not Layer.save_own_variables:
        return None
    return [tuple(v.shape) for v in (*layer._trainable_weights, *layer._non_trainable_weights)]


def _assets(archive: zipfile.ZipFile | None) -> dict[str, bytes]:
    """The files of vocabularies by their paths below the folder of assets."""
    if archive is None:
        return {}
    names = {name.replace("\\", "/"): name for name in archive.namelist()}
    return {path.removeprefix(f"{ASSETS}/"): archive.read(name) for path, name in names.items() if _is_asset(path)}


def _is_asset(path: str) -> bool:
    return path.startswith(f"{ASSETS}/") and not path.endswith("/")


@contextmanager
def _unpacked(assets: Mapping[str, bytes]) -> Iterator[Path]:
    """A temporary folder with the files of vocabularies; the names of members were checked before."""
    with temporary_folder() as folder:
        for path, data in assets.items():
            place = Path(folder) / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        yield Path(folder)
