"""Checks an artifact: reads it back, runs it in every engine that is there, and judges what comes out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kexport.errors import ConfigError, GraphError, KexportError
from kexport.ir.contract import Contract
from kexport.ir.dim import Dim
from kexport.ir.evaluator import bind_inputs
from kexport.ir.op import Array
from kexport.names import suggest
from kexport.reading import check_format, read_back
from kexport.target import Runtime, Span, Target
from kexport.verify.agreement import contract_problems
from kexport.verify.compare import is_float
from kexport.verify.drawn import Drawn, judge_drawn, settled
from kexport.verify.host import host
from kexport.verify.judge import OutputCheck, judge_batch, overall, tolerances
from kexport.verify.locate import Subject
from kexport.verify.record import capture_problems
from kexport.verify.reference_file import Recording, Reference
from kexport.verify.runner import TIMEOUT, RunResult, run_artifact
from kexport.verify.saturation import unsaturated
from kexport.verify.status import Status, Verdict
from kexport.verify.tolerance import coarser

RunArtifact = Callable[..., RunResult]
"""Runs an artifact on batches, as `runner.run_artifact` does and with its arguments."""
_NOT_RUN = ("missing", "not applicable")
SATURATED = 1e-6
"""How near to 0 or 1 every value of a saturated output lies."""


@dataclass(frozen=True)
class Check:
    """How to check: everything that is not the artifact, the target or the reference."""

    contract: Contract | None = None
    """What the artifact must keep, where it differs from the reference's (a fixed batch size); None for the same."""
    precision: str = "float32"
    """What the artifact declares, a key of `tolerance.PRECISIONS`."""
    tolerances: Mapping[str, float] | None = None
    """The user's own, by output."""
    runtimes: Sequence[str] | None = None
    """Names of the runtimes to use; None for all but those that run on request only."""
    browser: bool = False
    """Whether runtimes that run on request only are used as well."""
    timeout: float = TIMEOUT
    threads: int = 1
    repeats: int = 0
    """Extra runs, for timing."""
    target: str | None = None
    """How a new process finds the target, `module:attribute`; None for its name."""
    unchanged: bool = False
    """Whether the artifact is known, by its hash, to be the file that was validated when it was exported. Only such a
    one is run where the packages that check its format are missing."""
    run: RunArtifact | None = None
    """How artifacts are run; None for in a process of their own."""
    spans: Mapping[str, Span] = field(default_factory=dict[str, Span])
    """The sizes that the artifact takes, where it does not take all, by dynamic dim."""
    subject: Subject | None = None
    """What the artifact was made from, by which outputs are judged that depend on random numbers."""


def check_artifact(path: Path, target: Target, reference: Reference, check: Check = Check()) -> list[Verdict]:
    """One verdict per runtime of the target; exactly one if the artifact cannot be run at all.

    Raises:
        ConfigError: options that make no sense: unknown runtime, output or precision.
        VerifyError: the reference has no oracle.
    """
    runtimes = _chosen(target, check.runtimes, check.browser)
    tolerances(reference, precision=check.precision, overrides=check.tolerances)
    fault = _fault_before_running(path, target, reference, check)
    if fault:
        return [_verdict(path, target, r, Status.FAILED, fault) for r in runtimes or [None]]
    if not runtimes:
        return [_verdict(path, target, None, Status.VALID, f"no runtime for {target.title}, so it was not run")]
    return [_checked(path, target, runtime, reference, check) for runtime in runtimes]


def fitting(reference: Reference, contract: Contract, spans: Mapping[str, Span] | None = None) -> tuple[Recording, ...]:
    """The recordings whose inputs fit a contract that may have fixed sizes, and the sizes that an artifact takes."""
    allowed = spans or {}
    return tuple(
        r
        for r in reference.recordings
        if all(size in allowed.get(name, (size,)) for name, size in r.batch.sizes.items()) and _fits(r, contract)
    )


def for_artifact(check: Check, target: Target, contract: Contract, options: Mapping[str, Any]) -> Check:
    """How to check an artifact that was made with these options, of a model with this contract."""
    spans = target.spans(contract, options)
    fixed: dict[str, Dim] = {name: span.fixed for name, span in spans.items() if span.fixed is not None}
    precision = options.get("precision", "float32")
    return dataclasses.replace(check, contract=contract.bind(fixed), spans=spans, precision=precision)


def _fault_before_running(path: Path, target: Target, reference: Reference, check: Check) -> str:
    """What is wrong before anything is run; empty if nothing is."""
    problems = capture_problems(reference, check.tolerances)
    if problems:
        return "capture disagrees with Keras: " + "; ".join(problems)
    contract = check.contract or reference.contract
    try:
        if not _unread(target, check):
            check_format(target, path)
            problems = contract_problems(contract, read_back(target, path))
    except KexportError as e:
        return f"not valid: {e.what}"
    except ImportError as e:
        return f"cannot be read back: {type(e).__name__}: {e}"
    if problems:
        return "breaks the contract: " + "; ".join(problems)
    return "" if fitting(reference, contract, check.spans) else "no batch of the reference fits the artifact's sizes"


def _unread(target: Target, check: Check) -> list[str]:
    """Why the artifact is not read back here, as the packages for that are missing; empty if it is."""
    missing = target.missing() if check.unchanged else []
    return [f"its format was checked at export, not here, where {', '.join(missing)} is missing"] if missing else []


def _checked(path: Path, target: Target, runtime: Runtime, reference: Reference, check: Check) -> Verdict:
    contract = check.contract or reference.contract
    recordings = fitting(reference, contract, check.spans)
    result = (check.run or run_artifact)(
        path, check.target or target.name, runtime, [r.batch.inputs for r in recordings],
        timeout=check.timeout, threads=check.threads, repeats=check.repeats,
    )  # fmt: skip
    if result.status in _NOT_RUN:
        return _verdict(path, target, runtime, Status.VALID, f"not run: {result.message}", result)
    allowed = tolerances(
        reference, precision=coarser(check.precision, runtime.precision), runtime_budget=runtime.budget,
        overrides=check.tolerances,
    )  # fmt: skip
    pairs = [(settled(r, reference.random), outputs) for r, outputs in zip(recordings, result.outputs, strict=False)]
    stopped = 0
    if runtime.saturates:
        mended = [(r, *unsaturated(r.outputs, outputs, r.oracle, r.batch.kind == "extreme")) for r, outputs in pairs]
        pairs, stopped = [(r, outputs) for r, outputs, _ in mended], sum(count for *_, count in mended)
    checks = [c for recording, outputs in pairs for c in judge_batch(recording, outputs, allowed)]
    if not result.ok:
        reason = f"{result.status}: {result.message}"
        return _verdict(path, target, runtime, Status.FAILED, reason, result, checks, [r for r, _ in pairs])
    drawn = _drawn(path, runtime, reference, check, recordings) if reference.random else Drawn()
    checks += drawn.checks
    passed, reason = overall(checks, _judged(reference, drawn))
    if drawn.fault:
        passed, reason = False, drawn.fault
    good = Status.SIMULATED if runtime.simulated else Status.VERIFIED
    if passed and drawn.missing:
        random = ", ".join(reference.random)
        good, reason = (
            Status.VALID,
            f"{reason}; not judged is what depends on random numbers ({random}): {drawn.missing}",
        )
    notes = [*_unread(target, check), *([result.note] if result.note else [])]
    notes += [f"{stopped} elements were not judged: they overflow, and this engine has no infinity"] if stopped else []
    reason = "; ".join([reason, *notes, *(_weaknesses(contract, recordings) if passed else [])])
    return _verdict(path, target, runtime, good if passed else Status.FAILED, reason, result, checks, recordings)


def _drawn(path: Path, runtime: Runtime, reference: Reference, check: Check, recordings: Sequence[Recording]) -> Drawn:
    """The judgement of the outputs that depend on random numbers."""
    subject = check.subject
    if subject is None or check.run is not None:
        return Drawn(missing="there is no captured graph here" if subject is None else "it ran on another machine")

    def tap(tensors: Sequence[str]) -> RunResult:
        batches = [r.batch.inputs for r in recordings]
        target = check.target or subject.target.name
        how: dict[str, Any] = {"timeout": check.timeout, "threads": check.threads, "taps": tensors}
        return run_artifact(path, target, runtime, batches, **how)

    return judge_drawn(subject, runtime, reference, recordings, tap, check.tolerances)


def _judged(reference: Reference, drawn: Drawn) -> Contract:
    """The contract with the outputs that there is a judgement of."""
    contract = reference.contract
    kept = tuple(p for p in contract.outputs if p.name not in reference.random)
    return dataclasses.replace(contract, outputs=kept) if drawn.missing else contract


def _verdict(
    path: Path,
    target: Target,
    runtime: Runtime | None,
    status: Status,
    reason: str,
    result: RunResult | None = None,
    checks: Sequence[OutputCheck] = (),
    recordings: Sequence[Recording] = (),
) -> Verdict:
    return Verdict(
        artifact=path.name,
        target=target.name,
        runtime=runtime.name if runtime else "",
        version=(result and result.version) or (runtime.version() if runtime else None),
        host=(result and result.host) or host(),
        device=runtime.device if runtime else "",
        status=status,
        reason=reason,
        outputs=tuple(checks),
        batches=tuple(_describe(r) for r in recordings),
        seconds=dict(result.seconds) if result and result.status not in _NOT_RUN else None,
        peak_bytes=result.peak_bytes if result else 0,
    )


def _describe(recording: Recording) -> dict[str, Any]:
    batch = recording.batch
    return {"name": batch.name, "kind": batch.kind, "sizes": dict(batch.sizes), "seed": batch.seed}


def _chosen(target: Target, names: Sequence[str] | None, browser: bool) -> list[Runtime]:
    runtimes = list(target.runtimes())
    known = [r.name for r in runtimes]
    unknown = [n for n in names or () if n not in known]
    if unknown:
        hint = suggest(unknown[0], known, "runtimes")
        raise ConfigError(f"target {target.name!r} has no runtime {unknown[0]!r}", hint=hint)
    if names is None:
        return [r for r in runtimes if browser or not r.on_request]
    return [r for r in runtimes if r.name in names]


def _fits(recording: Recording, contract: Contract) -> bool:
    ports = [(p.name, p.type) for p in contract.inputs]
    try:
        bind_inputs(ports, [recording.batch.inputs[p.name] for p in contract.inputs])
    except (GraphError, KeyError):
        return False
    return True


def _weaknesses(contract: Contract, recordings: Sequence[Recording]) -> list[str]:
    """What the batches could not show, although everything passed."""
    found: list[str] = []
    for symbol in contract.symbols:
        sizes = sorted({r.batch.sizes[symbol] for r in recordings if symbol in r.batch.sizes})
        if len(sizes) < 2:
            found.append(f"dimension {symbol!r} was checked at one size only ({', '.join(map(str, sizes))})")
    for port in contract.outputs:
        flat = np.concatenate([r.outputs[port.name].reshape(-1) for r in recordings])
        if flat.size > 1 and (flat == flat[0]).all():
            found.append(f"output {port.name!r} has one and the same value everywhere")
        elif is_float(flat) and _is_saturated(flat.astype(np.float64)):
            found.append(f"output {port.name!r} is saturated: its values are 0 and 1, which hides small faults")
    return found


def _is_saturated(values: Array) -> bool:
    return values.size > 2 and bool((np.minimum(np.abs(values), np.abs(values - 1)) < SATURATED).all())
