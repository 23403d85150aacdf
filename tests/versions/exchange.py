"""Files that one version of Keras writes and another reads: every layer of the catalog, and models of several kinds.

Beside each `NAME.keras` lies `NAME.npz`: inputs, and what the version that wrote the file answered.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kexport.capture.load import load
from kexport.capture.versions import running
from kexport.errors import KexportError
from kexport.ir.op import Array
from tests.capture.agree import relative_error

TOLERANCE = 1e-4
"""The largest error relative to the range of an output; two versions of TensorFlow compute with other kernels."""


MEANT_OTHERWISE = {
    "CategoryEncoding.1": "one value of several gave another shape",
    "Discretization.2": "one value of several gave another shape",
    "MultiHeadAttention.6": "rows of padding alone were averages",
    "RandomCrop.0": "images were resized and cropped, not cropped alone",
}
"""Layers that Keras 3.3 computes in another way: verification is against what it computes."""
SINCE = (3, 8)
"""The first version tried that computes them as the newest does."""


class Case(NamedTuple):
    """A model and one batch for it."""

    name: str
    model: Any
    batch: list[Array]


def cases(keras: Any, small: bool = False) -> Iterator[tuple[str, Callable[[], Case]]]:
    """Name and maker of each case."""
    from tests.faults import models as faults

    for name in ("cnn", "encoder", "unet", "series", "recurrent"):
        yield name, lambda name=name: _fault(name, faults)
    if small:
        return
    from tests.layers.catalog import CATALOG
    from tests.layers.item import Item

    for layer, entries in CATALOG.items():
        for number, entry in enumerate(entries):
            item = Item(layer, entry, {})
            name = f"{layer}.{number}"
            yield name, lambda name=name, item=item: Case(name, item.model(keras), item.batch(2))


def write(folder: Path, small: bool = False) -> list[str]:
    """Write all files that this version can; the names of those that it cannot, with the reason."""
    import keras

    folder.mkdir(parents=True, exist_ok=True)
    left = []
    for name, make in cases(keras, small):
        try:
            case = make()
            answers = _run(case.model, case.batch)
            case.model.save(folder / f"{name}.keras")
        except Exception as e:  # noqa: BLE001 -- whatever Keras says of its own model
            left.append(f"{name}: {type(e).__name__}: {str(e)[:100]}")
            continue
        arrays = {f"in{i}": a for i, a in enumerate(case.batch)} | {f"out{i}": a for i, a in enumerate(answers)}
        np.savez(folder / f"{name}.npz", **arrays)  # pyright: ignore[reportArgumentType]
    return left


def read(folder: Path) -> Iterator[tuple[str, str]]:
    """The name of each file, and what became of it: `same`, or what is wrong."""
    for path in sorted(folder.glob("*.keras")):
        yield path.stem, _read(path)


def _read(path: Path) -> str:
    with np.load(path.with_suffix(".npz"), allow_pickle=True) as file:
        batch, wanted = ([file[k] for k in file.files if k.startswith(p)] for p in ("in", "out"))
    try:
        source = load(path)
    except KexportError as e:
        return f"refused: {e.what} | {e.hint}".replace("\n", " ")
    try:
        found = source.run(batch)
    except Exception as e:  # noqa: BLE001 -- what an older Keras cannot run
        return f"Keras fails: {type(e).__name__}: {e}".replace("\n", " ")
    error = max(_error(a, b) for a, b in zip(found, wanted, strict=True))
    if error <= TOLERANCE:
        return "same"
    if path.stem in MEANT_OTHERWISE and running("keras") < SINCE:
        return f"meant otherwise: {MEANT_OTHERWISE[path.stem]}"
    return f"differs by {error:.1e}"


def _error(found: Array, wanted: Array) -> float:
    if found.shape != wanted.shape:
        return np.inf
    return float((found != wanted).sum()) if wanted.dtype == object else relative_error(found, wanted)


def _fault(name: str, faults: Any) -> Case:
    model = faults.build(name)
    given = faults.MODELS[name][1](np.random.default_rng(3))
    return Case(name, model, [given[t.name] for t in model.inputs])


def _run(model: Any, batch: list[Array]) -> list[Array]:
    return load(model).run(batch)


def main() -> int:
    """Write the files of this version."""
    parser = argparse.ArgumentParser(prog="python -m tests.versions.exchange", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--small", action="store_true")
    chosen = parser.parse_args()
    from kexport.capture.sources.frameworks import import_keras

    import_keras()
    for line in write(chosen.folder, chosen.small):
        print(f"not written: {line}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
