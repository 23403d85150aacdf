"""Builds: the graph of a model on its way to one artifact. Lowered, emitted and checked, one stage after the other."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kexport.errors import EmitError, KexportError, Unsupported, UnsupportedError
from kexport.evidence.reference_file import Reference
from kexport.ir.contract import Contract
from kexport.ir.graph import Graph
from kexport.locate.divergence import Subject
from kexport.lowered import Lowered, lower_for
from kexport.paths import problem_with
from kexport.proof.artifact import Check, check_artifact, for_artifact
from kexport.reading import check_format
from kexport.target import Options, Span, Target
from kexport.verify.peaks import find_peaks
from kexport.verify.status import Status, Verdict, overall_status
from kexport.workflows.files import files_of
from kexport.workflows.progress import Progress

if TYPE_CHECKING:
    from kexport.capture.capturing import Captured


@dataclass(frozen=True)
class Refusal:
    """A target that makes nothing of a model, and why."""

    target: str
    error: KexportError


Choice = tuple[Target, Options]
"""A target, and the options for it."""


@dataclass
class Build:
    """One artifact on its way: what is written, its place in the staging folder, seconds spent."""

    lowered: Lowered
    spans: Mapping[str, Span]
    """The sizes that the artifact takes, by dynamic dim."""
    seconds: float
    path: Path = Path()
    verdicts: list[Verdict] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    """What the artifact says of itself."""
    looked_inside: bool = False
    """Whether its outputs say too little, so that its inner layers were asked for."""

    @property
    def target(self) -> Target:
        return self.lowered.target

    @property
    def status(self) -> Status:
        return overall_status(self.verdicts) if self.verdicts else Status.VALID

    @property
    def is_to_be_explained(self) -> bool:
        """Whether its verdict rests on the captured graph, or asks for it."""
        return self.looked_inside or self.status is Status.FAILED


def lower(
    choices: Sequence[Choice], graph: Graph, contract: Contract, tell: Progress
) -> tuple[list[Build], list[Refusal]]:
    """A legalized copy of the graph for each target, and the targets that refuse it."""
    builds: list[Build] = []
    refusals: list[Refusal] = []
    for target, options in choices:
        tell("legalize", target.name, None)
        try:
            builds.append(_lowered(target, options, graph, contract))
        except KexportError as e:
            refusals.append(Refusal(target.name, e))
    return builds, refusals


def _lowered(target: Target, options: Options, graph: Graph, contract: Contract) -> Build:
    start = time.perf_counter()
    lowered = lower_for(target, options, graph, contract)
    return Build(lowered, lowered.spans, time.perf_counter() - start)


def all_refused(refusals: Sequence[Refusal]) -> KexportError:
    """One error for all targets that refuse a model. What none of them can do is listed at once."""
    if all(isinstance(r.error, UnsupportedError) for r in refusals):
        items = [i._replace(op=f"{i.op} on {r.target}") for r in refusals for i in _items(r)]
        return UnsupportedError(items, hint="change these layers, or leave the target out with --to")
    if len(refusals) == 1:
        return refusals[0].error.located(refusals[0].target)
    return EmitError("every target refuses the model:\n" + "\n".join(f"  {r.target}: {r.error}" for r in refusals))


def _items(refusal: Refusal) -> Sequence[Unsupported]:
    return refusal.error.items if isinstance(refusal.error, UnsupportedError) else ()


def adapt(build: Build, recording: Callable[[], Reference]) -> None:
    """Let the target fit its options to the data, which is recorded only if it asks for that."""
    build.lowered = build.lowered.adapted(cache(lambda: find_peaks(build.lowered.graph, recording())))


def emit(build: Build, path: Path, tell: Progress) -> None:
    """Write the artifact to a new folder, and let the format's own checker read it."""
    tell("emit", build.target.name, None)
    start = time.perf_counter()
    path.parent.mkdir()
    build.path = build.lowered.write(path)
    try:
        check_format(build.target, path)
    except EmitError as e:
        e.hint = e.hint or "this is a bug in kexport: please report it"
        raise
    found = build.target.finish(path, build.lowered.options)
    for file in files_of(path.parent):
        name = file.relative_to(path.parent).as_posix()
        if problem := problem_with(name):  # no manifest could list it
            raise EmitError(f"the artifact would have a file {name!r}, which {problem}")
    build.facts = {**build.target.facts(path), **found}
    build.seconds += time.perf_counter() - start


def check(build: Build, reference: Reference, captured: Captured, how: Check) -> None:
    """Run the artifact in its runtimes, and keep what they showed."""
    lowered = build.lowered
    options = dataclasses.asdict(lowered.options)
    subject = Subject(build.path, lowered.target, lowered.options, captured.contract, captured.graph)

    def inner() -> Subject:
        build.looked_inside = True
        return subject

    how = dataclasses.replace(how, subject=subject, inner=inner, quantized="quantization" in build.facts)
    how = for_artifact(how, build.target, captured.contract, options)
    build.verdicts = check_artifact(build.path, build.target, reference, how)


def remarks(builds: Sequence[Build]) -> tuple[str, ...]:
    """What the targets have to say of their artifacts."""
    return tuple(
        f"{b.target.name}: {remark}"
        for b in builds
        for remark in (*needs(b.facts), *b.target.remarks(b.lowered.graph, b.lowered.options))
    )


def needs(facts: Mapping[str, Any]) -> list[str]:
    """Sentences on the engines that an artifact needs, and on what it needs there."""
    engines = [f"runs in {facts['runs_in']}"] if "runs_in" in facts else []
    return [*engines, *facts.get("notes", ())]
