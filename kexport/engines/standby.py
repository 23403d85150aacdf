"""Keeps workers waiting with their engines imported: importing an engine takes longer than running a small artifact.

The workers start one after the other on a thread of its own, beside the capture of the model, and each does one job.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import IO, NamedTuple

from kexport.engines.process import end_group, start_module
from kexport.engines.worker import WAIT
from kexport.temporary import temporary_folder

WORKER = "kexport.engines.worker"
MEMORY = 4 << 30
"""Bytes of memory below which no worker waits: on a small board every megabyte is the model's."""


class Engine(NamedTuple):
    """What a worker waits for: the name of a target, or `module:attribute`, and the name of one of its runtimes."""

    target: str
    runtime: str


class Standby:
    """Workers that wait, at most one for each engine."""

    def __init__(self, engines: Iterable[Engine], folder: Path):
        self._folder = folder
        self._todo = list(dict.fromkeys(engines))
        self._waiting: dict[Engine, subprocess.Popen[bytes]] = {}
        self.processes: list[subprocess.Popen[bytes]] = []
        self._lock = threading.Lock()
        self._closed = threading.Event()
        # A child ends with the thread that started it, so this one lives until `close`.
        self._thread = threading.Thread(target=self._start_all, daemon=True)
        self._thread.start()

    def take(self, engine: Engine) -> subprocess.Popen[bytes] | None:
        """The worker that waits for this engine, or None. It may still be importing."""
        with self._lock:
            if engine in self._todo:
                self._todo.remove(engine)
            process = self._waiting.pop(engine, None)
        return process if process is not None and process.poll() is None else None

    def close(self) -> None:
        """End all workers that still wait."""
        with self._lock:
            self._todo.clear()
        self._closed.set()
        for process in self.processes:
            end_group(process)
        self._thread.join()

    def _start_all(self) -> None:
        with (self._folder / "log").open("wb") as log:
            while (process := self._start_next(log)) is not None:
                assert process.stdout is not None
                process.stdout.readline()  # "ready"; or nothing from a worker that died, which is then started anew
        self._closed.wait()

    def _start_next(self, log: IO[bytes]) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if not self._todo or self._closed.is_set():
                return None
            engine = self._todo.pop(0)
            process = start_module(WORKER, self._folder, log, talk=True, arguments=[WAIT, *engine])
            self._waiting[engine] = process
            self.processes.append(process)
        return process


_CURRENT: ContextVar[Standby | None] = ContextVar("standby", default=None)


@contextmanager
def standby(engines: Iterable[Engine]) -> Iterator[None]:
    """While it lasts, `run_artifact` finds workers of these engines waiting."""
    wanted = list(engines)
    if not wanted or _memory() < MEMORY:
        yield
        return
    with temporary_folder() as folder:
        pool = Standby(wanted, folder)
        token = _CURRENT.set(pool)
        try:
            yield
        finally:
            _CURRENT.reset(token)
            pool.close()


def waiting(engine: Engine) -> subprocess.Popen[bytes] | None:
    """A worker with this engine that waits for a job, if there is one."""
    pool = _CURRENT.get()
    return pool.take(engine) if pool is not None else None


def hand_over(process: subprocess.Popen[bytes], folder: Path, timeout: float | None) -> int | None:
    """Let a waiting worker do the job in `folder`. Its exit code; None after the time limit, with its group ended."""
    assert process.stdin is not None
    try:
        with suppress(BrokenPipeError):
            process.stdin.write(os.fsencode(folder) + b"\n")
            process.stdin.close()
        return process.wait(timeout)
    except subprocess.TimeoutExpired:
        return None
    finally:
        end_group(process)


def _memory() -> int:
    """Bytes of physical memory; none where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0
