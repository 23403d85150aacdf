"""All faults of files in all models: artifacts written once, spoiled again and again, and verified."""

from __future__ import annotations

import dataclasses
import math
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kexport.errors import UnsupportedError
from kexport.lowered import lower_for
from kexport.proof.artifact import check_artifact
from kexport.target import find_target
from kexport.verify.status import Status, overall_status
from tests.faults import coreml_files, onnx_files, savedmodel_files, tfjs_files, tflite_files
from tests.faults.bench import Bench, Known, bench
from tests.faults.edits import Inapplicable
from tests.faults.engines import engine_effect, in_process, outputs_of
from tests.faults.file_fault import FileFault
from tests.faults.outcome import ROUNDING, Case, Outcome, outcome_of


@dataclass(frozen=True)
class Form:
    """One way to write artifacts, and what can go wrong with them."""

    target: str
    faults: tuple[FileFault, ...]
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def precision(self) -> str:
        return self.options.get("precision", "float32")

    @property
    def title(self) -> str:
        return " ".join([self.target, *(f"{k}={v}" for k, v in self.options.items())])


FORMS = (
    Form("onnx", onnx_files.ANY_OPSET),
    Form("onnx", onnx_files.TABLE, {"opset": 24}),
    Form("onnx", onnx_files.EXTERNAL, {"external_data": True}),
    Form("tflite", tflite_files.TABLE),
    Form("tfjs", tfjs_files.TABLE),
    *(Form("tfjs", tfjs_files.REDUCED, {"precision": p}) for p in ("uint8", "uint16")),
    Form("savedmodel", savedmodel_files.TABLE),
    Form("coreml", coreml_files.TABLE),
)
ULPS = {"float32": 2.0**-23, "uint16": 2.0**-16, "uint8": 2.0**-8}
"""The step of each precision, relative to the largest value: the least unit that changes are measured in."""
UNTOUCHED = FileFault("as it was written", lambda path: "", harmless=True)
"""Tried first on every artifact."""


@dataclass(frozen=True)
class Written:
    """An artifact as it should be, and what it is compared with."""

    form: Form
    bench: Bench
    path: Path
    known: tuple[Known, ...]


def run_all(form: Form, models: Iterable[str], folder: Path) -> Iterator[Case]:
    """Every fault of a form in every model that its target can write."""
    for model in models:
        found = written(form, bench(model), folder)
        if found is not None:
            for fault in (UNTOUCHED, *form.faults):
                case = run(found, fault)
                if case:
                    yield case


def sample(form: Form, models: Iterable[str], folder: Path, count: int = 1) -> Iterator[Case]:
    """Every fault of a form, in as many models as it takes to see it effective, or accepted, `count` times."""
    made = [w for m in models if (w := written(form, bench(m), folder))]
    for fault in (UNTOUCHED, *form.faults):
        seen = 0
        for each in made:
            case = run(each, fault)
            if case:
                seen += case.outcome not in (Outcome.IDLE, Outcome.NOISE)
                yield case
            if seen >= count:
                break


def written(form: Form, bench: Bench, folder: Path) -> Written | None:
    """The artifact of a model; None where the target does not take the model.

    Where precision is reduced, the unit of noise is the distance of this artifact's own outputs.
    """
    target = find_target(form.target)
    path = folder / form.title.replace(" ", "-") / f"{bench.name}{target.suffix}"
    path.parent.mkdir(exist_ok=True)
    try:
        lowered = lower_for(target, target.options(**form.options), bench.graph, bench.contract)
    except UnsupportedError:
        return None
    lowered.write(path)
    known = bench.known
    if form.precision != "float32":
        result = outputs_of(path, form.target, bench)
        known = tuple(dataclasses.replace(k, narrow=o) for k, o in zip(known, result.outputs, strict=True))
    return Written(form, bench, path, known)


def run(made: Written, fault: FileFault) -> Case | None:
    """The case of one fault in one artifact; None where it cannot be put there."""
    spoiled = made.path.parent / "spoiled" / made.path.name
    _copy(made.path, spoiled.parent)
    try:
        place = fault.edit(spoiled)
    except Inapplicable:
        return None
    target = find_target(made.form.target)
    ulp = ULPS[made.form.precision]
    change = engine_effect(spoiled, target.name, made.bench, made.known, ulp, fault.wild)
    change = math.inf if fault.declared else change
    head = (fault.name, made.bench.name, made.form.title, place)
    if change <= ROUNDING and not fault.harmless:
        return Case(*head, Outcome.IDLE, change, "damage where nobody reads may be found or not")
    check = in_process(target.name, made.form.precision)
    if fault.wild:
        check = dataclasses.replace(check, run=None)
    verdicts = check_artifact(spoiled, target, made.bench.reference, check)
    outcome = outcome_of(fault.harmless, change, overall_status(verdicts) is Status.FAILED)
    reason = next((v.reason for v in verdicts if v.status is Status.FAILED), verdicts[0].reason)
    return Case(*head, outcome, change, reason)


def _copy(path: Path, folder: Path) -> None:
    """The artifact with all its files, in an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for file in path.parent.glob(f"{path.stem}*"):
        if file.is_dir():
            shutil.copytree(file, folder / file.name)
        else:
            shutil.copy(file, folder)
