"""Exports and verifies every item on targets: many in one model, and apart where that fails."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

import keras

import kexport
from kexport.errors import KexportError, UnsupportedError
from kexport.ir.op import Array
from tests.capture.agree import randomize

TARGETS = "onnx,tflite,coreml,tfjs,savedmodel"
PROVEN = ("verified", "simulated")
AT_ONCE = 24
"""How many items are exported in one model, unless some of them fail."""


class Tried(Protocol):
    """What can be tried: those of one `group` have the same inputs."""

    @property
    def name(self) -> str: ...
    @property
    def group(self) -> Any: ...
    def tensors(self, keras: Any) -> list[Any]: ...
    def apply(self, keras: Any, tensors: list[Any]) -> Any: ...
    def batch(self, size: int) -> list[Array]: ...


@dataclass(frozen=True)
class Outcome:
    """What came of one item on one target: a status, or `unsupported` or `error`, with the reason."""

    item: Tried
    target: str
    status: str
    reason: str = ""

    @property
    def proven(self) -> bool:
        return self.status in PROVEN


Show = Callable[[str], None]


def tally(families: Mapping[str, Sequence[Tried]], targets: Sequence[str], show: Show) -> bool:
    """Show a line for each item that is not proven, and a table of counts by family and target; whether all are."""
    tried: Counter[tuple[str, str]] = Counter()
    proven: Counter[tuple[str, str]] = Counter()
    unsupported: Counter[str] = Counter()
    for family, members in families.items():
        for outcome in outcomes(members, targets):
            tried[family, outcome.target] += 1
            proven[family, outcome.target] += outcome.proven
            unsupported[outcome.target] += outcome.status == "unsupported"
            if not outcome.proven:
                line = f"{outcome.target:11} {outcome.status:11} {outcome.item.name}: {outcome.reason[:160]}"
                show(line)
    show(f"{'':16}" + "".join(f"{t:>14}" for t in targets))
    for family in [f for f in families if tried[f, targets[0]]]:
        show(f"{family:16}" + "".join(f"{_share(proven[family, t], tried[family, t]):>14}" for t in targets))
    sums = [(sum(n for (_, at), n in c.items() if at == t)) for t in targets for c in (proven, tried)]
    show(f"{'all':16}" + "".join(f"{_share(*sums[i : i + 2]):>14}" for i in range(0, len(sums), 2)))
    show(f"{'unsupported':16}" + "".join(f"{unsupported[t]:>14}" for t in targets))
    return proven == tried


def together(groups: Sequence[Sequence[Tried]]) -> Any:
    """One functional model of several groups of items; those of a group have the same inputs."""
    tensors = [group[0].tensors(keras) for group in groups]
    results = [item.apply(keras, own) for own, group in zip(tensors, groups, strict=True) for item in group]
    return randomize(keras.Model([t for own in tensors for t in own], results))


def outcomes(items: Sequence[Tried], targets: Sequence[str], at_once: int = AT_ONCE) -> Iterator[Outcome]:
    """The outcome of each item on each target: tried in models of about so many, and apart where one fails.

    Groups with open sizes have models of their own: many open sizes in one would only be large together.
    """
    chunk: list[list[Tried]] = []
    for _, group in groupby(items, key=lambda i: i.group):
        members = list(group)
        if any(None in t.shape[1:] for t in members[0].tensors(keras)):
            yield from _outcomes([members], targets)
            continue
        chunk.append(members)
        if sum(map(len, chunk)) >= at_once:
            yield from _outcomes(chunk, targets)
            chunk = []
    yield from _outcomes(chunk, targets) if chunk else ()


def _outcomes(groups: Sequence[Sequence[Tried]], targets: Sequence[str]) -> Iterator[Outcome]:
    """All groups in one model; on targets where that is not proven, each half, and in the end each item, alone."""
    found = _try(groups, targets)
    items = [item for group in groups for item in group]
    proven = [t for t, (status, _) in found.items() if status in PROVEN or len(items) == 1]
    yield from (Outcome(item, target, *found[target]) for target in proven for item in items)
    doubtful = [t for t in targets if t not in proven]
    if doubtful:
        parts = list(groups) if len(groups) > 1 else [[item] for item in items]
        middle = len(parts) // 2
        for half in (parts[:middle], parts[middle:]):
            yield from _outcomes(half, doubtful)


def _try(groups: Sequence[Sequence[Tried]], targets: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Status and reason on each target."""
    try:
        with tempfile.TemporaryDirectory() as out:
            example = [array for group in groups for array in group[0].batch(2)]
            report = kexport.export(together(groups), list(targets), Path(out), name="m", trust=True, example=example)
            return {a.target: (a.status, a.reason) for a in report.artifacts}
    except KexportError as e:
        if len(targets) > 1:
            return {t: found for target in targets for t, found in _try(groups, [target]).items()}
        if isinstance(e, UnsupportedError):
            return {targets[0]: ("unsupported", "; ".join(sorted({i.reason for i in e.items})))}
        return {targets[0]: ("error", str(e).replace("\n", " "))}


def _share(part: int, whole: int) -> str:
    return f"{part} / {whole}"
