"""Loads an artifact once and runs it on demand: `python -m kexport.engines.stopwatch JOB_FOLDER`.

The folder is like the worker's, with one batch. Each line on stdin is a number of runs, each line on stdout a JSON
object: first the cost of loading, then the seconds of the requested runs, or an error, which ends the process.
`layers` instead of a number asks for the time of every layer.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kexport.engines.memory import family_peak_bytes
from kexport.engines.worker import Job, find_runtime, load_target
from kexport.errors import NotApplicable
from kexport.evidence.tensors import load_tensors
from kexport.lifeline import follow_parent
from kexport.target import Runtime, Session

PROFILE = "layers"
"""The line that asks for the time of every layer."""
PROFILED_RUNS = 10
WARM_RUNS = 3
"""Unmeasured runs after the first."""

Answer = Callable[..., None]


def main(folder: Path) -> int:
    """Serve until stdin ends; 0 if no run failed."""
    answer = _answers()
    try:
        job = Job(**json.loads((folder / "job.json").read_text()))
        inputs, _ = load_tensors(folder / "in-0.safetensors")
        session = _load(job, inputs, answer)
        for line in sys.stdin:
            if line.strip() == PROFILE:
                answer(layers=_layers(job, inputs))
                continue
            _run(session, inputs)  # another process has filled the caches by now
            seconds = [_run(session, inputs) for _ in range(int(line))]
            answer(seconds=seconds, peak_bytes=family_peak_bytes())
    except Exception as e:  # noqa: BLE001  whatever an engine raises is the result
        answer(error=f"{type(e).__name__}: {e}")
        return 1
    return 0


def _load(job: Job, inputs: Mapping[str, Any], answer: Answer) -> Session:
    """Load, warm up and answer. `start` includes the engine's start; `load` is a second loading, without it."""
    runtime = find_runtime(load_target(job.target), job.runtime)
    start, session = _timed_load(runtime, job)
    first = _run(session, inputs)
    for _ in range(WARM_RUNS):
        _run(session, inputs)
    peak = family_peak_bytes()
    load = None if runtime.starts_anew else _timed_load(runtime, job)[0]
    answer(start=start, load=load, first=first, peak_bytes=peak)
    return session


def _layers(job: Job, inputs: Mapping[str, Any]) -> Mapping[str, float]:
    """Return seconds by layer; empty if the engine has no profiler."""
    runtime = find_runtime(load_target(job.target), job.runtime)
    try:
        return runtime.profile(Path(job.artifact), inputs, PROFILED_RUNS, job.threads)
    except NotApplicable:
        return {}


def _timed_load(runtime: Runtime, job: Job) -> tuple[float, Session]:
    start = time.perf_counter()
    session = runtime.load(Path(job.artifact), job.threads)
    return time.perf_counter() - start, session


def _run(session: Session, inputs: Mapping[str, Any]) -> float:
    start = time.perf_counter()
    session.run(inputs)
    return time.perf_counter() - start


def _answers() -> Answer:
    """Return a function that writes an object to the original stdout, and send what engines print to stderr."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def answer(**facts: Any) -> None:
        out.write(json.dumps(facts) + "\n")
        out.flush()

    return answer


if __name__ == "__main__":
    follow_parent()
    raise SystemExit(main(Path(sys.argv[1])))
