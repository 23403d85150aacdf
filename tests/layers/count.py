"""Exports and verifies every item on targets: items of one group in one model, and apart where that fails."""

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


def together(items: Sequence[Tried]) -> Any:
    """One functional model of several items of one group."""
    tensors = items[0].tensors(keras)
    return randomize(keras.Model(tensors, [item.apply(keras, tensors) for item in items]))


def outcomes(items: Sequence[Tried], targets: Sequence[str]) -> Iterator[Outcome]:
    """The outcome of each item on each target."""
    for _, group in groupby(items, key=lambda i: i.group):
        members = list(group)
        whole = _try(members, targets)
        for target, (status, reason) in whole.items():
            if status in PROVEN:
                yield from (Outcome(item, target, status, reason) for item in members)
        doubtful = [t for t, (status, _) in whole.items() if status not in PROVEN]
        for item in members if doubtful else ():
            single = whole if len(members) == 1 else _try([item], doubtful)
            yield from (Outcome(item, target, *single[target]) for target in doubtful)


def _try(items: Sequence[Tried], targets: Sequence[str]) -> dict[str, tuple[str, str]]:
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


def _share(part: int, whole: int) -> str:
    return f"{part} / {whole}"
