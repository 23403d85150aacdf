"""bench: times the artifacts of a folder in their runtimes on this machine. Needs no Keras."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kexport.engines.bench import Contender, Timing, time_contenders
from kexport.errors import ConfigError, VerifyError
from kexport.evidence.batches import make_batch
from kexport.evidence.reference_file import Reference, load_reference
from kexport.ir.contract import Contract
from kexport.ir.dim import symbols
from kexport.ir.op import Array
from kexport.names import each_name, suggest
from kexport.printable import counted
from kexport.target import Runtime, find_target
from kexport.verify.status import Status
from kexport.workflows.bench_file import BENCH, BenchReport, BenchRow, merge_bench
from kexport.workflows.host import describe_host
from kexport.workflows.intact import artifact_damage
from kexport.workflows.manifest import ArtifactEntry, ModelEntry, damage, find_folder, read_manifest
from kexport.workflows.progress import Progress, silent
from kexport.workflows.verifying import OTHER_MODEL, choose_model

BATCH = "batch"
"""The symbol of size 1 by default."""
FALLBACK = 32
"""The size of other dynamic dims if nothing was recorded."""


@dataclass(frozen=True)
class Entry:
    """An artifact, a runtime and a number of threads; `reason` says why they are not timed."""

    artifact: ArtifactEntry
    runtime: Runtime
    threads: int
    reason: str = ""


def bench(
    dist: str | Path,
    *,
    name: str | None = None,
    runtimes: Iterable[str] | str | None = None,
    threads: Iterable[int] | int = (1,),
    runs: int = 50,
    seconds: float = 10.0,
    dims: Mapping[str, int | str] | None = None,
    timeout: float = 300.0,
    browser: bool = False,
    progress: Progress | None = None,
) -> BenchReport:
    """Time what the manifest of a folder lists, and write `kexport.bench.json` beside it.

    Args:
        dist: the folder that `export` wrote, or one artifact in it.
        name: which model, if the folder holds several.
        runtimes: one or more names of runtimes; None for all real ones that need no browser.
        threads: one or more numbers of threads to try.
        runs: measured runs of each.
        seconds: a contender stops after that much time of its own runs and at least five of them.
        dims: sizes of dynamic dims; the batch is 1, others are as recorded.
        timeout: seconds for loading, and for each turn.
        browser: time artifacts in a headless browser too.
        progress: told what is being done.

    Raises:
        ConfigError: no manifest, no such model, runtime or dim.
        VerifyError: the manifest, the reference or an artifact is damaged.
    """
    tell = progress or silent
    path = Path(dist)
    folder = find_folder(path)
    model = choose_model(read_manifest(folder), folder, name, path)
    chosen = [a for a in model.artifacts.values() if path == folder or (folder / a.path) == path]
    if not chosen:
        raise ConfigError("the manifest lists no such artifact", where=str(path), hint="kexport bench the folder")
    BENCH.read(folder)  # report damage before the work
    inputs, sizes = _inputs(model, folder, dims or {})
    entries = _entries(chosen, folder, each_name(runtimes), each_name(threads) or (1,), browser)
    waiting = [e for e in entries if not e.reason]
    contenders = [Contender(e.artifact.target, folder / e.artifact.path, e.runtime, e.threads, inputs) for e in waiting]
    timings = time_contenders(
        contenders, runs=runs, seconds=seconds, timeout=timeout, tell=lambda what, part: tell("bench", what, part)
    )
    done = dict(zip(map(id, waiting), timings, strict=True))
    rows = [_row(e, done.get(id(e)) or Timing("not timed", e.reason)) for e in entries]
    report = BenchReport(model.name, describe_host(), sizes, tuple(rows))
    BENCH.update(folder, model.name, lambda old: merge_bench(old, report))
    return report


def _entries(
    artifacts: Sequence[ArtifactEntry],
    folder: Path,
    names: Sequence[str] | None,
    threads: Sequence[int],
    browser: bool,
) -> list[Entry]:
    found = {a.target: list(find_target(a.target).runtimes()) for a in artifacts}
    known = [r.name for runtimes in found.values() for r in runtimes]
    for wanted in names or ():
        if wanted not in known:
            hint = suggest(wanted, known, "runtimes")
            raise ConfigError(f"none of these artifacts has a runtime {wanted!r}", hint=hint)
    for artifact in artifacts:
        if problem := artifact_damage(folder, artifact):
            raise VerifyError(problem, where=str(folder), hint="export the model again")
    return [
        Entry(artifact, runtime, count, _reason(artifact, runtime, names, count))
        for artifact in artifacts
        for runtime in found[artifact.target]
        if (runtime.name in names if names else _runs(runtime, folder / artifact.path, browser))
        for count in sorted(set(threads))
    ]


def _runs(runtime: Runtime, path: Path, browser: bool) -> bool:
    """Return whether a runtime times an artifact by default."""
    return (browser and runtime.on_request) or runtime.volunteers(path)


def _reason(artifact: ArtifactEntry, runtime: Runtime, names: Sequence[str] | None, threads: int) -> str:
    """Return why it is not timed; empty if it is."""
    if artifact.kept:
        return OTHER_MODEL
    if artifact.status == Status.FAILED.value:
        return "it failed its verification"
    if runtime.simulated and not names:
        return "it only simulates the format: its time says nothing"
    if runtime.max_threads is not None and threads > runtime.max_threads:
        return f"it runs on {counted(runtime.max_threads, 'thread')} at most"
    return ""


def _row(entry: Entry, timing: Timing) -> BenchRow:
    artifact = entry.artifact
    runtime = entry.runtime
    head = (artifact.target, artifact.path, artifact.digest, artifact.size)
    return BenchRow(*head, runtime.name, runtime.version() or "", runtime.device, entry.threads, timing)


def _inputs(model: ModelEntry, folder: Path, dims: Mapping[str, int | str]) -> tuple[dict[str, Array], dict[str, int]]:
    """Return the first recorded inputs, cut or repeated to the wanted sizes; generated ones if nothing was recorded."""
    reference = _reference(model, folder)
    recorded = dict(reference.recordings[0].batch.sizes) if reference else {}
    symbols_ = model.contract.symbols
    sizes = {s: 1 if s == BATCH else recorded.get(s, FALLBACK) for s in symbols_}
    for symbol, size in dims.items():
        if symbol not in sizes or not isinstance(size, int):
            hint = suggest(symbol, symbols_, "dynamic dims")
            raise ConfigError(f"there is no dynamic dim {symbol!r} to give the size {size}", hint=hint)
        sizes[symbol] = size
    if reference is None:
        return dict(make_batch(model.contract, sizes, seed=0).inputs), sizes
    return _resized(reference.recordings[0].batch.inputs, model.contract, sizes), sizes


def _reference(model: ModelEntry, folder: Path) -> Reference | None:
    if model.reference is None:
        return None
    if problem := damage(folder, [model.reference]):
        raise VerifyError(problem, where=str(folder), hint="export the model again")
    return load_reference(folder / model.reference.path)


def _resized(inputs: Mapping[str, Array], contract: Contract, sizes: Mapping[str, int]) -> dict[str, Array]:
    bound = contract.bind(sizes)
    resized: dict[str, Array] = {}
    for port, fixed in zip(contract.inputs, bound.inputs, strict=True):
        array = inputs[port.name]
        for axis, dim in enumerate(port.type.shape):
            if symbols(dim):
                array = np.take(array, np.arange(int(fixed.type.shape[axis])), axis, mode="wrap")  # type: ignore[arg-type]
        resized[port.name] = array
    return resized
