"""Checks an artifact: reads it back, runs it in every installed engine, and judges its outputs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

from kexport.deadline import Clock, deadline
from kexport.engines.host import host
from kexport.engines.runner import TIMEOUT, RunResult, run_artifact
from kexport.errors import ConfigError, EmitError, GraphError, KexportError
from kexport.evidence.reference_file import Recording, Reference
from kexport.ir.contract import Contract
from kexport.ir.dim import Dim
from kexport.ir.evaluator import bind_inputs
from kexport.locate.divergence import Subject
from kexport.names import suggest
from kexport.proof.agreement import contract_problems
from kexport.proof.drawn import Drawn, judge_drawn, settled
from kexport.proof.inner import Inner, Insight
from kexport.proof.steps import Steps
from kexport.reading import check_format, read_back
from kexport.target import Runtime, Span, Target
from kexport.verify.judge import OutputCheck, judge_batch, overall, tolerances
from kexport.verify.record import capture_problems
from kexport.verify.saturation import unsaturated
from kexport.verify.silence import Silent, silent, weaknesses
from kexport.verify.status import Status, Verdict
from kexport.verify.told import Tell, nobody, told
from kexport.verify.tolerance import coarser

RunArtifact = Callable[..., RunResult]
"""Runs an artifact on batches, with the arguments of `runner.run_artifact`."""
_NOT_RUN = ("missing", "not applicable")


@dataclass(frozen=True)
class Check:
    """How to check: everything besides the artifact, the target and the reference."""

    contract: Contract | None = None
    """The artifact's contract, if it differs from the reference's (a fixed batch size)."""
    precision: str = "float32"
    """The precision that the artifact declares, a key of `tolerance.PRECISIONS`."""
    tolerances: Mapping[str, float] | None = None
    """The user's own tolerances, by output."""
    runtimes: Sequence[str] | None = None
    """Names of the runtimes to use; None for all that run the artifact by default."""
    browser: bool = False
    """Whether to use runtimes that run only on request, too."""
    timeout: float = TIMEOUT
    clock: Clock | None = None
    """What is left for all artifacts together; None for no bound."""
    threads: int = 1
    repeats: int = 0
    """Extra runs, for timing."""
    target: str | None = None
    """How a new process finds the target: `module:attribute`; None for its name."""
    unchanged: bool = False
    """Whether the artifact is known, by its hash, to be the file that was validated when it was exported. Only such a
    one is run where the packages that check its format are missing."""
    run: RunArtifact | None = None
    """How to run artifacts; None for in a process of their own."""
    tell: Tell = nobody
    """Called with the current runtime."""
    spans: Mapping[str, Span] = field(default_factory=dict[str, Span])
    """The sizes that the artifact takes, by dynamic dim; a dim that is left out takes any size."""
    subject: Subject | None = None
    """The graph that the artifact was made from, to judge outputs that depend on random numbers."""
    quantized: bool = False
    """Whether the reference is that of a quantized graph, so that the artifact is judged step by step."""
    inner: Callable[[], Subject | None] | None = None
    """Finds what the artifact was made from, by which its inner layers are judged where its outputs say nothing; None
    where that was not kept, since they do."""


def check_artifact(path: Path, target: Target, reference: Reference, check: Check = Check()) -> list[Verdict]:
    """Return one verdict per runtime of the target; exactly one if the artifact cannot be run at all.

    Raises:
        ConfigError: an unknown runtime, output or precision.
        VerifyError: the reference has no oracle.
    """
    runtimes = _chosen(path, target, check.runtimes, check.browser)
    tolerances(reference, precision=check.precision, overrides=check.tolerances)
    fault = _fault_before_running(path, target, reference, check)
    if fault:
        return [_verdict(path, target, r, Status.FAILED, fault) for r in runtimes or [None]]
    if not runtimes:
        return [_verdict(path, target, None, Status.VALID, f"no runtime for {target.title}, so it was not run")]
    insight = cache(partial(_insight, reference, check)) if check.inner is not None else None
    turns = told(runtimes, check.tell, lambda r: r.name)
    return [_in_time(path, target, runtime, reference, check, insight) for runtime in turns]


def fitting(reference: Reference, contract: Contract, spans: Mapping[str, Span] | None = None) -> tuple[Recording, ...]:
    """Return the recordings whose inputs fit a contract, perhaps of fixed sizes, and the sizes an artifact takes."""
    allowed = spans or {}
    return tuple(
        r
        for r in reference.recordings
        if all(size in allowed.get(name, (size,)) for name, size in r.batch.sizes.items()) and _fits(r, contract)
    )


def for_artifact(check: Check, target: Target, contract: Contract, options: Mapping[str, Any]) -> Check:
    """Return how to check an artifact made with these options from a model with this contract."""
    spans = target.spans(contract, options)
    fixed: dict[str, Dim] = {name: span.fixed for name, span in spans.items() if span.fixed is not None}
    precision = options.get("precision", "float32")
    return dataclasses.replace(check, contract=contract.bind(fixed), spans=spans, precision=precision)


def _fault_before_running(path: Path, target: Target, reference: Reference, check: Check) -> str:
    """Return what is wrong before anything is run; empty if nothing is."""
    problems = capture_problems(reference, check.tolerances)
    if problems:
        return "capture disagrees with Keras: " + "; ".join(problems)
    contract = check.contract or reference.contract
    try:
        if not _unread(target, check):
            with deadline(check.timeout, "reading it", EmitError):
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
    """Return why the artifact cannot be read back here (missing packages); empty if it can."""
    missing = target.missing() if check.unchanged else []
    return [f"its format was checked at export, not here, where {', '.join(missing)} is missing"] if missing else []


def _insight(reference: Reference, check: Check) -> Insight | Steps | None:
    """Return what can be known of the values inside the artifact."""
    try:
        subject = check.inner() if check.inner is not None else None
    except KexportError:
        return None
    recordings = fitting(reference, check.contract or reference.contract, check.spans)
    if subject is None:
        return None
    return Steps(subject, recordings) if check.quantized else Insight(subject, reference, recordings)


def _in_time(
    path: Path,
    target: Target,
    runtime: Runtime,
    reference: Reference,
    check: Check,
    insight: Callable[[], Insight | Steps | None] | None,
) -> Verdict:
    """Return the verdict of one runtime in the time that is left; where batches were left out, it shows too little."""
    clock = check.clock
    if clock is None:
        return _checked(path, target, runtime, reference, check, insight)
    if clock.is_over:
        reason = f"not run: the time is over (--timeout {clock.seconds:g})"
        return _verdict(path, target, runtime, Status.UNJUDGED, reason)
    check = dataclasses.replace(check, timeout=min(check.timeout, clock.left))
    verdict = _checked(path, target, runtime, reference, check, insight)
    short = clock.shortage
    if not short or verdict.status < Status.UNJUDGED:
        return verdict
    right = sum(c.passed is True for c in verdict.outputs)
    reason = f"{short}; {right} checks passed until then; {verdict.reason}"
    return dataclasses.replace(verdict, status=Status.UNJUDGED, reason=reason)


def unjudged(path: Path, target: Target, reason: str) -> Verdict:
    """Return the verdict on an artifact that nothing could be compared with."""
    return _verdict(path, target, None, Status.UNJUDGED, reason)


def _checked(
    path: Path,
    target: Target,
    runtime: Runtime,
    reference: Reference,
    check: Check,
    insight: Callable[[], Insight | Steps | None] | None,
) -> Verdict:
    contract = check.contract or reference.contract
    recordings = fitting(reference, contract, check.spans)
    result = (check.run or run_artifact)(
        path,
        check.target or target.name,
        runtime,
        [r.batch.inputs for r in recordings],
        timeout=check.timeout,
        threads=check.threads,
        repeats=check.repeats,
    )
    if result.status in _NOT_RUN:
        return _verdict(path, target, runtime, Status.VALID, f"not run: {result.message}", result)
    allowed = tolerances(
        reference,
        precision=coarser(check.precision, runtime.precision),
        runtime_budget=runtime.budget,
        overrides=check.tolerances,
    )
    pairs = [(settled(r, reference.random), outputs) for r, outputs in zip(recordings, result.outputs, strict=False)]
    stopped = 0
    if runtime.saturates:
        mended = [(r, *unsaturated(r.outputs, outputs, r.oracle, r.batch.kind == "extreme")) for r, outputs in pairs]
        pairs = [(r, outputs) for r, outputs, _ in mended]
        stopped = sum(count for *_, count in mended)
    checks = [c for recording, outputs in pairs for c in judge_batch(recording, outputs, allowed)]
    if not result.ok:
        return _verdict(path, target, runtime, *_broken(result, checks), result, checks, [r for r, _ in pairs])
    drawn = _drawn(path, runtime, reference, check, recordings) if reference.random else Drawn()
    checks += drawn.checks
    quiet = silent([r for r, _ in pairs], allowed)
    status, reason = _concluded(runtime, reference, check, checks, drawn, quiet, insight)
    notes = [*_unread(target, check), *([result.note] if result.note else [])]
    notes += [f"{stopped} elements were not judged: they overflow, and this engine has no infinity"] if stopped else []
    known = [s.output for s in quiet] if insight is not None else []
    notes += weaknesses(contract, recordings, known) if status > Status.FAILED else []
    return _verdict(path, target, runtime, status, "; ".join([reason, *notes]), result, checks, recordings)


def _broken(result: RunResult, checks: Sequence[OutputCheck]) -> tuple[Status, str]:
    """Judge a run that did not end well: it is no evidence if time ran out and all was right until then."""
    late = result.status == "timeout" and not any(c.passed is False for c in checks)
    judged = sum(c.passed is True for c in checks)
    reason = f"{result.status}: {result.message}"
    if late and judged:
        reason += f"; {judged} checks passed until then"
    return Status.UNJUDGED if late else Status.FAILED, reason


def _concluded(
    runtime: Runtime,
    reference: Reference,
    check: Check,
    checks: Sequence[OutputCheck],
    drawn: Drawn,
    quiet: Sequence[Silent],
    insight: Callable[[], Insight | Steps | None] | None,
) -> tuple[Status, str]:
    """Return the status of an artifact that was run, and why; inner values may supply evidence that outputs lack."""
    contract = _judged(reference, drawn)
    passed, reason = overall(checks, contract)
    if drawn.fault:
        passed = False
        reason = drawn.fault
    if passed is False:
        return Status.FAILED, reason
    good = Status.SIMULATED if runtime.simulated else Status.VERIFIED
    names = [p.name for p in contract.outputs if p.name not in reference.random]
    unproven = [n for n in names if not any(c.passed for c in checks if c.output == n)]
    quiet = [s for s in quiet if s.output in names and s.output not in unproven]
    if check.quantized and insight is not None and check.run is None:
        good, reason = _by_steps(runtime, check, unproven, good, reason, insight())
    elif unproven or (quiet and insight is not None):
        unsettled = any(c.output in unproven and c.metrics.finite for c in checks)
        good, reason = _by_inner(runtime, check, unproven, quiet, good, reason, insight and insight(), unsettled)
    if drawn.missing and good > Status.VALID:
        random = ", ".join(reference.random)
        return Status.VALID, f"{reason}; not judged is what depends on random numbers ({random}): {drawn.missing}"
    return good, reason


def _by_steps(
    runtime: Runtime, check: Check, unproven: Sequence[str], good: Status, reason: str, insight: Insight | Steps | None
) -> tuple[Status, str]:
    """The status of an artifact that computes in integers, by each of them."""
    inner = Inner(missing="there is no captured graph here")
    if insight is not None:
        inner = insight.judge(runtime, (), check.timeout)
    if inner.fault:
        return Status.FAILED, f"{inner.fault} ({reason})"
    if not inner.missing:
        steps = f"{good.value} by its {inner.agree} quantized values, each right to one integer"
        return good, steps if unproven else f"{steps}: {reason}"
    if not unproven:
        return good, reason
    return Status.UNJUDGED, f"{reason}; its quantized values say no more: {inner.missing}"


def _by_inner(
    runtime: Runtime,
    check: Check,
    unproven: Sequence[str],
    quiet: Sequence[Silent],
    good: Status,
    reason: str,
    insight: Insight | Steps | None,
    unsettled: bool,
) -> tuple[Status, str]:
    """The status by the values inside; without them nothing is known of outputs that stay the same. Where outputs are
    `unsettled`, as rounding decides what they are, nothing can be known.
    """
    quiet = [s for s in quiet if insight is None or insight.depends(s.output)]
    outputs = [*unproven, *(s.output for s in quiet)]
    if not outputs:
        return good, reason
    reason = "; ".join([reason, *(s.reason for s in quiet)])
    if insight is None or check.run is not None:
        inner = Inner(missing="there is no captured graph here" if insight is None else "it ran on another machine")
    else:
        inner = insight.judge(runtime, outputs, check.timeout, settled=not unsettled)
    if inner.fault:
        return Status.FAILED, f"{inner.fault} ({reason})"
    if unsettled:
        return Status.UNJUDGED, f"{reason}; {inner.agreement}"
    if not inner.missing:
        return good, f"{good.value} by its inner layers ({inner.agreement}): {reason}"
    silenced = bool(unproven) or any(s.constant for s in quiet)
    return (Status.UNJUDGED if silenced else good), f"{reason}; its inner layers say no more: {inner.missing}"


def _drawn(path: Path, runtime: Runtime, reference: Reference, check: Check, recordings: Sequence[Recording]) -> Drawn:
    """Judge the outputs that depend on random numbers."""
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
    """Reduce the contract to the outputs that can be judged."""
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


def _chosen(path: Path, target: Target, names: Sequence[str] | None, browser: bool) -> list[Runtime]:
    runtimes = list(target.runtimes())
    known = [r.name for r in runtimes]
    unknown = [n for n in names or () if n not in known]
    if unknown:
        hint = suggest(unknown[0], known, "runtimes")
        raise ConfigError(f"target {target.name!r} has no runtime {unknown[0]!r}", hint=hint)
    if names is None:
        return [r for r in runtimes if (browser and r.on_request) or r.volunteers(path)]
    return [r for r in runtimes if r.name in names]


def _fits(recording: Recording, contract: Contract) -> bool:
    ports = [(p.name, p.type) for p in contract.inputs]
    try:
        bind_inputs(ports, [recording.batch.inputs[p.name] for p in contract.inputs])
    except (GraphError, KeyError):
        return False
    return True
