"""Exports and verifies every item on targets: items that share inputs in one model, and apart where that fails."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import keras

import kexport
from kexport.errors import KexportError, UnsupportedError
from tests.capture.agree import randomize
from tests.layers.item import Item

PROVEN = ("verified", "simulated")


@dataclass(frozen=True)
class Outcome:
    """What came of one item on one target: a status, or `unsupported` or `error`, with the reason."""

    item: Item
    target: str
    status: str
    reason: str = ""

    @property
    def proven(self) -> bool:
        return self.status in PROVEN


def together(items: Sequence[Item]) -> Any:
    """One functional model of several items of one entry."""
    tensors = items[0].tensors(keras)
    return randomize(keras.Model(tensors, [item.apply(keras, tensors) for item in items]))


def outcomes(items: Sequence[Item], targets: Sequence[str]) -> Iterator[Outcome]:
    """The outcome of each item on each target."""
    for _, group in groupby(items, key=lambda i: (i.layer, id(i.entry), i.open)):
        members = list(group)
        whole = _try(members, targets)
        for target, (status, reason) in whole.items():
            if status in PROVEN:
                yield from (Outcome(item, target, status, reason) for item in members)
        doubtful = [t for t, (status, _) in whole.items() if status not in PROVEN]
        for item in members if doubtful else ():
            single = whole if len(members) == 1 else _try([item], doubtful)
            yield from (Outcome(item, target, *single[target]) for target in doubtful)


def _try(items: Sequence[Item], targets: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Status and reason on each target."""
    try:
        with tempfile.TemporaryDirectory() as out:
            example = items[0].batch(2)
            report = kexport.export(together(items), list(targets), Path(out), name="m", trust=True, example=example)
            return {a.target: (a.status, a.reason) for a in report.artifacts}
    except KexportError as e:
        if len(targets) > 1:
            return {t: found for target in targets for t, found in _try(items, [target]).items()}
        if isinstance(e, UnsupportedError):
            return {targets[0]: ("unsupported", "; ".join(sorted({i.reason for i in e.items})))}
        return {targets[0]: ("error", str(e).replace("\n", " "))}
