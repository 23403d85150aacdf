"""The models whose artifacts are compared: whole nets, every layer of Keras, every function of keras.ops."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from kexport.capture.capturing import capture
from kexport.errors import KexportError
from tests.functions.catalog import FUNCTIONS
from tests.identical.emission import Kept
from tests.layers.catalog import FAMILIES
from tests.layers.count import Tried, together
from tests.layers.item import items
from tests.versions.models import ALL, Make, Sample

LARGE = {"EfficientNetB0", "EfficientNetV2B0", "DenseNet121", "ConvNeXtTiny"}
"""Nets that take long and have no operator that the others lack."""


def capture_zoo() -> Iterator[Kept | str]:
    """Capture every model; what cannot be captured comes as a sentence instead."""
    for name, make in ALL.items():
        if name not in LARGE:
            yield _captured(name, make)
    for family, catalog in FAMILIES.items():
        yield from _groups(f"layers {family}", items(catalog))
    for family, functions in FUNCTIONS.items():
        yield from _groups(f"functions {family}", functions)


def _groups(family: str, members: list[Any]) -> Iterator[Kept | str]:
    """One model for all items of one group; those that only fail together are captured apart."""
    for i, (_, group) in enumerate(groupby(members, key=lambda m: m.group)):
        tried: list[Tried] = list(group)
        found = _together(f"{family} {i} {tried[0].name}", tried)
        if isinstance(found, Kept) or len(tried) == 1:
            yield found
        else:
            yield from (_together(f"{family} {i} {t.name}", [t]) for t in tried)


def _together(name: str, tried: list[Tried]) -> Kept | str:
    def make(folder: Path) -> Sample:
        example = tried[0].batch(2)
        return Sample(together([tried]), {"trust": True, "example": example})

    return _captured(name, make)


def _captured(name: str, make: Make) -> Kept | str:
    """Capture from the same seeds and the same counters of names each time."""
    import keras

    keras.utils.clear_session()
    keras.utils.set_random_seed(31)
    with tempfile.TemporaryDirectory() as folder:
        try:
            sample = make(Path(folder))
            captured = capture(sample.source, **sample.options)
        except KexportError as e:
            return f"{name}: {str(e).splitlines()[0]}"
    return Kept(name, captured.graph, captured.contract)
