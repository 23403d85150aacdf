"""Workers that wait with their engine imported do what new ones do, and none outlives its use."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from kexport.engines import runner
from kexport.engines import standby as module
from kexport.engines.runner import RunResult, run_artifact
from kexport.engines.standby import Engine, Standby, standby, waiting
from kexport.engines.worker import find_runtime
from tests import toy

INPUTS = [{"x": np.ones((n, toy.FEATURES), np.float32)} for n in (1, 3)]


def run(artifact: Path, behaviour: str, timeout: float = 30.0) -> RunResult:
    return run_artifact(artifact, toy.SPEC, find_runtime(toy.TARGET, behaviour), INPUTS, timeout=timeout)


def gone(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is not None


@contextmanager
def kept(behaviour: str) -> Iterator[None]:
    """While it lasts, a worker of the toy target waits; it is there from the beginning."""
    with standby([Engine(toy.SPEC, behaviour)]):
        pool = module._CURRENT.get()
        assert pool is not None
        wait_for(pool)
        yield


def wait_for(pool: Standby) -> None:
    deadline = time.monotonic() + 20
    while not pool.processes and time.monotonic() < deadline:
        time.sleep(0.01)


@pytest.fixture
def no_new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that starts a process of its own fails."""
    monkeypatch.setattr(runner, "run_module", lambda *a, **k: pytest.fail("it started a process"))


@pytest.mark.usefixtures("no_new_process")
@pytest.mark.parametrize(
    ("behaviour", "status", "message"),
    [
        ("good", "ok", ""),
        ("chatty", "ok", ""),
        ("segfault", "crashed", "ended by SIGSEGV (phase: run 0): about to die"),
        ("exit", "crashed", "exit code 3 (phase: run 0)"),
        ("raise", "error", "RuntimeError: the engine refuses op 7 (phase: run 0)"),
        ("decline", "not applicable", "this engine is for smaller models (phase: run 0)"),
    ],
)
def test_a_waiting_worker_gives_what_a_new_one_gives(artifact: Path, behaviour: str, status: str, message: str) -> None:
    with kept(behaviour):
        result = run(artifact, behaviour)
    assert result.status == status, result.message
    assert result.message.startswith(message)


@pytest.mark.usefixtures("no_new_process")
def test_a_hang_ends_at_the_time_limit(artifact: Path) -> None:
    start = time.monotonic()
    with kept("hang"):
        result = run(artifact, "hang", timeout=4.0)
    assert result.status == "timeout"
    assert time.monotonic() - start < 20


def test_each_worker_does_one_job(artifact: Path) -> None:
    with kept("good"):
        first = run(artifact, "good")
        assert waiting(Engine(toy.SPEC, "good")) is None
        second = run(artifact, "good")
    assert first.ok
    assert second.ok
    assert np.array_equal(first.outputs[0]["probs"], second.outputs[0]["probs"])


def test_a_worker_that_died_while_it_waited_is_replaced(artifact: Path, tmp_path: Path) -> None:
    pool = Standby([Engine(toy.SPEC, "good")], tmp_path)
    try:
        wait_for(pool)
        os.kill(pool.processes[0].pid, signal.SIGKILL)
        pool.processes[0].wait()
        assert pool.take(Engine(toy.SPEC, "good")) is None
    finally:
        pool.close()


def test_none_is_left_waiting() -> None:
    engines = [Engine(toy.SPEC, name) for name in ("good", "chatty", "absent")]
    with standby(engines):
        pool = module._CURRENT.get()
        assert pool is not None
    assert all(gone(p) for p in pool.processes)
    assert waiting(engines[0]) is None


def test_an_engine_that_cannot_be_imported_is_told_by_its_job(artifact: Path) -> None:
    with standby([Engine("tests.toy:GONE", "good")]):
        runtime = find_runtime(toy.TARGET, "good")
        result = run_artifact(artifact, "tests.toy:GONE", runtime, INPUTS)
    assert result.status == "error"
    assert "GONE" in result.message


def test_small_machines_keep_their_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MEMORY", 1 << 60)
    with standby([Engine(toy.SPEC, "good")]):
        assert module._CURRENT.get() is None


def test_engines_are_those_that_are_installed() -> None:
    from kexport.target import find_target
    from kexport.workflows.waiting import engines_of

    found = engines_of([find_target("onnx"), find_target("tfjs")])
    assert Engine("onnx", "onnxruntime-cpu") in found
    assert Engine("onnx", "onnxruntime-cuda") not in found
    assert not [e for e in found if "browser" in e.runtime]
