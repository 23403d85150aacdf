"""Judges the outputs that depend on random numbers.

They differ in every run. So an engine is asked for the numbers drawn inside the artifact, together with the outputs
computed from them: the captured graph, evaluated with the same numbers, gives the expected outputs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kexport.engines.runner import RunResult
from kexport.evidence.reference_file import Recording, Reference, with_recordings
from kexport.ir.contract import Contract
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph
from kexport.ir.op import Array
from kexport.locate.divergence import Subject, as_kind
from kexport.target import Runtime
from kexport.verify.draws import Draws, draws_of, given, implausible, random_outputs
from kexport.verify.judge import OutputCheck, judge_batch, tolerances
from kexport.verify.tolerance import coarser

Tap = Callable[[Sequence[str]], RunResult]
"""Runs an artifact on the batches of some recordings, and returns inner tensors by name."""


@dataclass(frozen=True)
class Drawn:
    """The result: checks, or why there are none, and what is wrong with the numbers themselves."""

    checks: tuple[OutputCheck, ...] = ()
    missing: str = ""
    fault: str = ""


def settled(recording: Recording, random: Sequence[str]) -> Recording:
    """Return a recording without the outputs that depend on random numbers."""
    return dataclasses.replace(recording, outputs={n: a for n, a in recording.outputs.items() if n not in random})


def judge_drawn(
    subject: Subject,
    runtime: Runtime,
    reference: Reference,
    recordings: Sequence[Recording],
    tap: Tap,
    overrides: Mapping[str, float] | None = None,
) -> Drawn:
    """Make a check per batch and output that depends on random numbers."""
    lowered = subject.lowered()
    names = lowered.tensors()
    nodes = draws_of(lowered.graph)
    draws = {key: names.get(node.output, "") for key, node in nodes.items()}
    random = random_outputs(lowered.graph)
    outputs = {o.name: names.get(o.value, "") for o in lowered.graph.outputs if o.name in random}
    if not all((*draws.values(), *outputs.values())):
        return Drawn(missing=f"the target {subject.target.name!r} does not tell where they are")
    result = tap(list(dict.fromkeys((*draws.values(), *outputs.values()))))
    if not result.ok:
        return Drawn(missing=result.message)
    shown = [{key: found[name] for key, name in draws.items()} for found in result.outputs]
    own = Reference(_only(reference.contract, random), (), compute=reference.compute)
    pairs = zip(recordings, shown, strict=True)
    own = with_recordings(own, [_expected(subject.graph, r, d, own.contract) for r, d in pairs])
    precision = coarser(subject.precision, runtime.precision)
    kept = {k: v for k, v in (overrides or {}).items() if k in random or k == "*"}
    allowed = tolerances(own, precision=precision, runtime_budget=runtime.budget, overrides=kept)
    checks = [
        check
        for recording, found in zip(own.recordings, result.outputs, strict=True)
        for check in judge_batch(recording, _actual(recording, found, outputs), allowed)
    ]
    return Drawn(tuple(checks), fault=implausible(nodes, shown))


def _only(contract: Contract, names: Sequence[str]) -> Contract:
    return dataclasses.replace(contract, outputs=tuple(p for p in contract.outputs if p.name in names))


def _expected(graph: Graph, recording: Recording, draws: Draws, contract: Contract) -> Recording:
    """Evaluate the captured graph on a batch with these numbers."""
    inputs = recording.batch.inputs
    observe = given(draws)
    oracle, eval32 = (evaluate(graph, inputs, wide=wide, observe=observe) for wide in (True, False))
    outputs = {p.name: oracle[p.name].astype(p.type.dtype.numpy) for p in contract.outputs}
    return Recording(recording.batch, outputs, {n: oracle[n] for n in outputs}, {n: eval32[n] for n in outputs})


def _actual(recording: Recording, found: Mapping[str, Array], tensors: Mapping[str, str]) -> dict[str, Array]:
    """Convert outputs to the types of the contract, as engines keep flags and counts in types of their choice."""
    return {
        n: as_kind(np.asarray(found[tensors[n]]), a.dtype).reshape(a.shape)
        for n, a in recording.outputs.items()
        if found[tensors[n]].size == a.size
    }
