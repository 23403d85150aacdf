"""All faults of graphs in all models: injected, measured, written, verified, counted."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from kexport.errors import KexportError
from kexport.lowered import lower_for
from kexport.proof.artifact import check_artifact
from kexport.target import Target, find_target
from kexport.verify.status import Status, overall_status
from tests.faults import border, harmless, recurrent, settings, structure, weights
from tests.faults.bench import Bench
from tests.faults.edits import Fault, Injected, inject
from tests.faults.effect import EFFECTIVE, effect
from tests.faults.engines import engine_effect, in_process
from tests.faults.outcome import ROUNDING, Case, Outcome, outcome_of

TABLE: tuple[Fault, ...] = (
    *weights.TABLE,
    *settings.TABLE,
    *structure.TABLE,
    *recurrent.TABLE,
    *border.TABLE,
    *harmless.TABLE,
)
"""Every kind of fault in graphs."""


def run(
    bench: Bench, folder: Path, target: str = "onnx", faults: Iterable[Fault] = TABLE, limit: int | None = None
) -> Iterator[Case]:
    """Every fault at every place of a model, each written to the same file and verified.

    With a limit: at so many places at most, and only where it changes something.
    """
    for fault in faults:
        made = 0
        for injected in inject(fault, bench.graph, bench.contract):
            change = _change(bench, injected)
            if limit is not None and not fault.harmless and change <= ROUNDING:
                continue
            yield _case(bench, injected, change, folder, find_target(target))
            made += 1
            if made == limit:
                break


def sample(
    benches: Sequence[Bench], folder: Path, target: str = "onnx", faults: Iterable[Fault] = TABLE, models: int = 2
) -> Iterator[Case]:
    """Every fault at the first place where it changes something, in the first `models` that have one."""
    for fault in faults:
        made = 0
        for bench in benches:
            cases = list(run(bench, folder, target, (fault,), limit=1))
            yield from cases
            made += any(c.outcome is not Outcome.UNWRITTEN for c in cases)
            if made == models:
                break


def _change(bench: Bench, injected: Injected) -> float:
    kept = injected.contract == bench.contract
    return effect(bench, injected.graph, injected.fault.rounds) if kept else math.inf


def _case(bench: Bench, injected: Injected, change: float, folder: Path, target: Target) -> Case:
    fault = injected.fault
    head = (fault.name, bench.name, target.name, injected.place)
    path = folder / f"{bench.name}{target.suffix}"
    try:
        lower_for(target, target.options(), injected.graph, injected.contract).write(path)
    except KexportError as e:
        return Case(*head, Outcome.UNWRITTEN, change, e.what)
    try:
        verdicts = check_artifact(path, target, bench.reference, in_process(target.name))
        rejected = overall_status(verdicts) is Status.FAILED
        outcome = outcome_of(fault.harmless, change, rejected)
        if outcome is Outcome.SURVIVED and engine_effect(path, target.name, bench) <= EFFECTIVE:
            outcome = Outcome.HEALED
    finally:
        remove(path)
    reason = next((v.reason for v in verdicts if v.status is Status.FAILED), verdicts[0].reason)
    return Case(*head, outcome, change, reason)


def remove(path: Path) -> None:
    """Remove an artifact and the files beside it."""
    for file in path.parent.glob(f"{path.stem}*"):
        shutil.rmtree(file) if file.is_dir() else file.unlink()
