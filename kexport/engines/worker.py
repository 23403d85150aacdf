"""Runs one artifact in one runtime, in a process of its own: `python -m kexport.engines.worker JOB_FOLDER`.

With `--wait TARGET RUNTIME` it imports the engine first, says `ready` and reads the job's folder from its input.

The folder holds `job.json` and `in-0.safetensors`, `in-1.safetensors` …; the worker adds `out-N.safetensors` and
`result.json`, which it rewrites after every step, so that the parent knows how far it came before a crash.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kexport.engines.memory import peak_bytes
from kexport.errors import ConfigError
from kexport.evidence.tensors import load_tensors, save_tensors
from kexport.lifeline import follow_parent
from kexport.target import Runtime, Session, Target, find_target

WAIT = "--wait"


@dataclass(frozen=True)
class Job:
    """The worker's job. `target` is the name of an installed target, or `module:attribute`."""

    target: str
    runtime: str
    artifact: str
    batches: int
    threads: int = 1
    repeats: int = 0
    """Extra runs of the last batch, for timing."""
    taps: tuple[str, ...] = ()
    """Inner tensors to return instead of the outputs, if any."""


def load_target(spec: str) -> Target:
    """Find the target named by `spec`: an installed one, or `module:attribute`.

    Raises:
        ConfigError: there is none.
    """
    if ":" not in spec:
        return find_target(spec)
    module, _, attribute = spec.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as e:
        raise ConfigError(f"the target {spec!r} cannot be loaded: {e}") from e
    if not isinstance(found, Target):
        raise ConfigError(f"{spec!r} is a {type(found).__name__}, not a target")
    return found


def find_runtime(target: Target, name: str) -> Runtime:
    """Find a runtime of a target by name.

    Raises:
        ConfigError: the target has no such runtime.
    """
    for runtime in target.runtimes():
        if runtime.name == name:
            return runtime
    known = ", ".join(r.name for r in target.runtimes()) or "none"
    raise ConfigError(f"target {target.name!r} has no runtime {name!r}", hint=f"runtimes: {known}")


class Progress:
    """The result file, rewritten after every step."""

    def __init__(self, folder: Path):
        self.path = folder / "result.json"
        self.data: dict[str, Any] = {"phase": "start", "seconds": {}, "runs": [], "error": None, "peak_bytes": 0}

    def update(self, phase: str, **changes: Any) -> None:
        self.data |= {"phase": phase, "peak_bytes": peak_bytes(), **changes}
        temporary = self.path.with_suffix(".new")
        temporary.write_text(json.dumps(self.data))
        os.replace(temporary, self.path)


def main(folder: Path) -> int:
    """Do the job in `folder`; 0 if every batch was run."""
    job = Job(**json.loads((folder / "job.json").read_text()))
    progress = Progress(folder)
    try:
        _work(job, folder, progress)
    except Exception as e:  # noqa: BLE001  whatever an engine raises is the result
        progress.update(progress.data["phase"], error=f"{type(e).__name__}: {e}")
        return 1
    progress.update("done")
    return 0


def _work(job: Job, folder: Path, progress: Progress) -> None:
    progress.update("load")
    runtime = find_runtime(load_target(job.target), job.runtime)
    start = time.perf_counter()
    path = Path(job.artifact)
    session = runtime.tap(path, job.taps, job.threads) if job.taps else runtime.load(path, job.threads)
    progress.data["seconds"]["load"] = time.perf_counter() - start
    inputs: Mapping[str, np.ndarray[Any, Any]] = {}
    for i in range(job.batches):
        progress.update(f"run {i}")
        inputs, _ = load_tensors(folder / f"in-{i}.safetensors")
        outputs, seconds = _run(session, inputs)
        progress.data["runs"].append(seconds)
        save_tensors(folder / f"out-{i}.safetensors", outputs, {})
    for i in range(job.repeats):
        progress.update(f"repeat {i}")
        progress.data["runs"].append(_run(session, inputs)[1])
    progress.data["note"] = session.note


def _run(session: Session, inputs: Mapping[str, Any]) -> tuple[dict[str, Any], float]:
    start = time.perf_counter()
    outputs = session.run(inputs)
    seconds = time.perf_counter() - start
    if not isinstance(outputs, dict):
        raise TypeError(f"the runtime gave a {type(outputs).__name__} instead of outputs by name")
    return {str(k): np.asarray(v) for k, v in outputs.items()}, seconds


def wait(target: str, runtime: str) -> Path | None:
    """Import an engine and wait for the folder of a job; None if none comes. From then on output goes to its log."""
    with suppress(Exception):  # the job will say what is wrong with the engine
        importlib.import_module(find_runtime(load_target(target), runtime).engine or __name__)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    line = sys.stdin.buffer.readline().rstrip(b"\n")
    if not line:
        return None
    folder = Path(os.fsdecode(line))
    os.chdir(folder)
    log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(log, stream)
    return folder


if __name__ == "__main__":
    follow_parent()
    place = wait(*sys.argv[2:]) if sys.argv[1] == WAIT else Path(sys.argv[1])
    raise SystemExit(0 if place is None else main(place))
