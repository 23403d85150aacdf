"""Times artifacts side by side: one warm process each, taking turns of a few runs."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kexport.engines.process import end_group, last_words, signal_name, start_module
from kexport.engines.stopwatch import PROFILE
from kexport.engines.worker import Job
from kexport.errors import NotApplicable
from kexport.evidence.tensors import save_tensors
from kexport.ir.op import Array
from kexport.printable import counted
from kexport.target import Runtime
from kexport.temporary import temporary_folder

TURN = 5
"""Runs per turn."""
LEAST = 5
"""Runs that even the slowest contender gets."""
PAUSE = 0.005
"""Seconds between turns, in which the previous engine's threads go to sleep."""


@dataclass(frozen=True)
class Contender:
    """One artifact in one runtime with a number of threads."""

    target: str
    artifact: Path
    runtime: Runtime
    threads: int
    inputs: Mapping[str, Array]


@dataclass(frozen=True)
class Timing:
    """The measurements of a contender. `status` is ok, missing, not applicable, error, crashed or timeout."""

    status: str
    message: str = ""
    runs: int = 0
    median: float | None = None
    """Seconds; so are the others."""
    p95: float | None = None
    best: float | None = None
    first: float | None = None
    """The first run after loading."""
    load: float | None = None
    """Loading the artifact in a running engine; None if engine and artifact start together, as in a browser."""
    start: float | None = None
    """Loading the artifact and starting the engine."""
    peak_bytes: int = 0
    """Peak memory of the process and its children."""
    layers: Mapping[str, float] = field(default_factory=dict[str, float])
    """Seconds per run by layer, from the engine's own profiler, which slows it down; empty if it has none. `""` holds
    the time that belongs to no layer."""


def time_contenders(
    contenders: Sequence[Contender],
    *,
    runs: int = 50,
    seconds: float = 10.0,
    timeout: float = 300.0,
    tell: Callable[[str, float], None] = lambda detail, fraction: None,
) -> list[Timing]:
    """Time the contenders; return one timing each, in order. Failures of a runtime are results, not exceptions.

    Args:
        contenders: what to time.
        runs: measured runs of each.
        seconds: a contender stops after that much time of its own runs and at least `LEAST` runs.
        timeout: seconds for loading, and for each turn.
        tell: called with the current contender and the progress.
    """
    with ExitStack() as stack:
        lanes = [stack.enter_context(Lane(c, timeout)) for c in contenders]
        for i, lane in enumerate(lanes):
            tell(lane.title, i / (2 * len(lanes)))
            lane.load()
        for start in range(0, runs, TURN):
            size = min(TURN, runs - start)
            tell(f"in turns of {TURN} runs", 0.5 + start / (2 * runs))
            first = start // TURN % max(len(lanes), 1)
            for lane in [*lanes[first:], *lanes[:first]]:
                if not lane.failure and not lane.had_enough(seconds):
                    time.sleep(PAUSE)
                    lane.turn(size)
        for lane in lanes:
            lane.profile()
        return [lane.timing() for lane in lanes]


@dataclass
class Lane:
    """A contender's process, as a context manager: started on entry, loaded on demand, ended on exit."""

    contender: Contender
    timeout: float
    failure: Timing | None = None
    seconds: list[float] = field(default_factory=list[float])
    facts: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def title(self) -> str:
        count = self.contender.threads
        return f"{self.contender.runtime.name}, {counted(count, 'thread')}"

    def __enter__(self) -> Lane:
        self._stack = ExitStack()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def load(self) -> None:
        """Start the process, load the artifact and warm up."""
        c = self.contender
        if c.runtime.version() is None:
            self.failure = Timing("missing", f"{c.runtime.name} is not installed: {c.runtime.how_to_install}")
            return
        self._folder = self._stack.enter_context(temporary_folder())
        job = Job(c.target, c.runtime.name, str(c.artifact.absolute()), 1, c.threads)
        (self._folder / "job.json").write_text(json.dumps(asdict(job)))
        save_tensors(self._folder / "in-0.safetensors", c.inputs, {})
        log = self._stack.enter_context((self._folder / "log").open("wb"))
        self._process = start_module("kexport.engines.stopwatch", self._folder, log, talk=True)
        self._stack.callback(end_group, self._process)
        self._lines: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.facts |= self._answer()

    def turn(self, runs: int) -> None:
        """Measure some runs."""
        self._say(str(runs))
        answer = self._answer()
        self.seconds += answer.pop("seconds", [])
        self.facts |= answer

    def profile(self) -> None:
        """Ask for the time of every layer, after all turns. A failure here does not spoil the timing."""
        if not self.failure:
            self._say(PROFILE)
            self.facts |= self._answer()
            self.failure = None

    def _say(self, line: str) -> None:
        try:
            assert self._process.stdin is not None
            self._process.stdin.write(f"{line}\n".encode())
            self._process.stdin.flush()
        except OSError:
            pass  # the process has ended, and the answer says how

    def had_enough(self, seconds: float) -> bool:
        return len(self.seconds) >= LEAST and sum(self.seconds) >= seconds

    def timing(self) -> Timing:
        """Return the measurements."""
        if self.failure or not self.seconds:
            return self.failure or Timing("error", "nothing was run")
        median, p95 = np.percentile(self.seconds, [50, 95])
        found = {"median": float(median), "p95": float(p95), "best": min(self.seconds)}
        return Timing("ok", "", len(self.seconds), **found, **self.facts)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(b"")

    def _answer(self) -> dict[str, Any]:
        """Read the next answer; empty, with `failure` set, if there is none."""
        try:
            line = self._lines.get(timeout=self.timeout)
        except queue.Empty:
            self.failure = Timing("timeout", f"no answer after {self.timeout:g} s")
            end_group(self._process)
            return {}
        if not line:
            code = self._process.wait()
            how = f"ended by {signal_name(code)}" if code < 0 else f"exit code {code}"
            self.failure = Timing("crashed", how + last_words(self._folder))
            return {}
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            kind, _, message = answer["error"].partition(": ")
            declined = kind == NotApplicable.__name__
            self.failure = Timing("not applicable", message) if declined else Timing("error", answer["error"])
            return {}
        return answer
