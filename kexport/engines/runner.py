"""Starts the worker, waits for it with a time limit, and turns the outcome, whatever it is, into a RunResult."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from kexport.engines import worker
from kexport.engines.process import last_words, run_module, signal_name
from kexport.engines.standby import WORKER, Engine, hand_over, waiting
from kexport.engines.worker import Job
from kexport.errors import KexportError, NotApplicable
from kexport.evidence.tensors import load_tensors, save_tensors
from kexport.ir.op import Array
from kexport.target import Runtime
from kexport.temporary import temporary_folder

TIMEOUT = 300.0
"""Seconds for loading and all batches together."""
IN_PROCESS = "run in the verifying process, without a time limit"
"""The note of a verdict if no process could be started."""


@dataclass(frozen=True)
class RunResult:
    """The result of a run. `status` is ok, missing, not applicable, error, crashed, timeout or garbage."""

    status: str
    message: str = ""
    outputs: tuple[Mapping[str, Array], ...] = ()
    """The outputs of each completed batch."""
    seconds: Mapping[str, float] = field(default_factory=dict[str, float])
    """`load`, `first` and `best` run, as far as it came."""
    peak_bytes: int = 0
    note: str = ""
    """A note on the run, even if its result is good."""
    host: str = ""
    """The machine, if not this one."""
    version: str = ""
    """The engine's version there, if not on this machine."""

    @property
    def ok(self) -> bool:
        return self.status == "ok"


def run_artifact(
    path: Path,
    target: str,
    runtime: Runtime,
    batches: Sequence[Mapping[str, Array]],
    *,
    timeout: float = TIMEOUT,
    threads: int = 1,
    repeats: int = 0,
    taps: Sequence[str] = (),
) -> RunResult:
    """Run an artifact on batches in a process of its own. Failures of the runtime are results, not exceptions.

    Args:
        path: the artifact.
        target: the name of an installed target, or `module:attribute`.
        runtime: one of the target's; only its name reaches the process.
        batches: inputs by name.
        timeout: seconds until the process is ended.
        threads: passed to the runtime.
        repeats: extra runs of the last batch, for timing.
        taps: inner tensors to return instead of the outputs, by their names in the artifact.
    """
    worker_here = waiting(Engine(target, runtime.name))
    if worker_here is not None:
        work = partial(hand_over, worker_here, timeout=timeout)
    else:
        work = partial(run_module, WORKER, timeout=timeout)
    return _run(work, path, target, runtime, batches, timeout, threads, repeats, tuple(taps))


def run_here(
    path: Path,
    target: str,
    runtime: Runtime,
    batches: Sequence[Mapping[str, Array]],
    *,
    timeout: float = TIMEOUT,
    threads: int = 1,
    repeats: int = 0,
    taps: Sequence[str] = (),
) -> RunResult:
    """Do what `run_artifact` does in this process, for systems that cannot start another: there is no time limit, and
    a crash of the engine ends this process.
    """
    result = _run(worker.main, path, target, runtime, batches, timeout, threads, repeats, tuple(taps))
    return dataclasses.replace(result, note="; ".join(filter(None, (IN_PROCESS, result.note))))


def can_start_processes() -> bool:
    """Return whether this Python can start another one, which it cannot under an emulator of user programs."""
    try:
        command = [sys.executable, "-S", "-c", ""]
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _run(
    work: Callable[[Path], int | None],
    path: Path,
    target: str,
    runtime: Runtime,
    batches: Sequence[Mapping[str, Array]],
    timeout: float,
    threads: int,
    repeats: int,
    taps: tuple[str, ...] = (),
) -> RunResult:
    if runtime.version() is None:
        return RunResult("missing", f"{runtime.name} is not installed: {runtime.how_to_install}")
    with temporary_folder() as folder:
        job = Job(target, runtime.name, str(path.absolute()), len(batches), threads, repeats, taps)
        (folder / "job.json").write_text(json.dumps(asdict(job)))
        for i, inputs in enumerate(batches):
            save_tensors(folder / f"in-{i}.safetensors", inputs, {})
        code = work(folder)
        return _result(folder, code, len(batches), timeout)


def _result(folder: Path, code: int | None, batches: int, timeout: float) -> RunResult:
    try:
        report: dict[str, Any] = json.loads((folder / "result.json").read_text())
        phase = report["phase"]
        runs = [float(s) for s in report["runs"]]
        seconds = {"load": float(report["seconds"]["load"])} if "load" in report["seconds"] else {}
        peak = int(report["peak_bytes"])
        error = report["error"]
        note = str(report.get("note", ""))
    except (OSError, ValueError, KeyError, TypeError):
        phase = "start"
        runs = []
        seconds = {}
        peak = 0
        error = None
        note = ""
    if runs:
        seconds |= {"first": runs[0], "best": min(runs)}
    facts: dict[str, Any] = {"seconds": seconds, "peak_bytes": peak}
    outputs, broken = _outputs(folder, batches)
    if code is None:
        return RunResult("timeout", f"no result after {timeout:g} s (phase: {phase})", outputs, **facts)
    if code < 0:
        return RunResult(
            "crashed", f"ended by {signal_name(code)} (phase: {phase}){last_words(folder)}", outputs, **facts
        )
    if error is not None and error.startswith(NotApplicable.__name__ + ": "):
        return RunResult("not applicable", f"{error.partition(': ')[2]} (phase: {phase})", (), **facts)
    if error is not None:
        return RunResult("error", f"{error} (phase: {phase})", outputs, **facts)
    if code or phase != "done":
        return RunResult("crashed", f"exit code {code} (phase: {phase}){last_words(folder)}", outputs, **facts)
    if broken or len(outputs) != batches:
        return RunResult("garbage", broken or f"{len(outputs)} results for {batches} batches", outputs, **facts)
    return RunResult("ok", "", outputs, **facts, note=note)


def _outputs(folder: Path, batches: int) -> tuple[tuple[Mapping[str, Array], ...], str]:
    """Return the completed batches, and why the next one cannot be read (empty if there is none)."""
    found: list[Mapping[str, Array]] = []
    for i in range(batches):
        path = folder / f"out-{i}.safetensors"
        if not path.exists():
            break
        try:
            found.append(load_tensors(path)[0])
        except KexportError as e:
            return tuple(found), f"the outputs of batch {i} cannot be read: {e.what}"
    return tuple(found), ""
